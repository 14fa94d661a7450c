import { useCallback, useEffect, useState } from "preact/hooks";

/** What a question that is asked again and again brought last. */
export interface Answer<T> {
  readonly value: T | null;
  readonly error: Error | null;
  readonly again: () => void;
}

/** Asks every `ms` while the page is visible; the last value stays when asking fails. */
export function usePoll<T>(ask: () => Promise<T>, ms: number, keys: unknown[]): Answer<T> {
  const [value, setValue] = useState<T | null>(null);
  const [error, setError] = useState<Error | null>(null);
  const [round, setRound] = useState(0);
  const again = useCallback(() => setRound((n) => n + 1), []);
  useEffect(() => {
    setValue(null);
    setError(null);
  }, keys);
  useEffect(() => {
    let current = true;
    let timer: ReturnType<typeof setTimeout>;
    const turn = async () => {
      if (!document.hidden) {
        try {
          const answer = await ask();
          if (!current) return;
          setValue(answer);
          setError(null);
        } catch (trouble) {
          if (!current) return;
          setError(trouble as Error);
        }
      }
      timer = setTimeout(turn, ms);
    };
    void turn();
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [...keys, ms, round]);
  return { value, error, again };
}
