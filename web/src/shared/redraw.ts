import { useEffect, useState } from "preact/hooks";

/** Something that tells when it changed. */
export class Changes {
  readonly #listeners = new Set<() => void>();

  on(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  readonly emit = (): void => {
    for (const listener of this.#listeners) listener();
  };
}

/** Draws the component again after changes, at most once a frame. */
export function useChanges(changes: Changes): void {
  const [, set] = useState(0);
  useEffect(() => {
    let frame: ReturnType<typeof setTimeout> | null = null;
    // A timer rather than an animation frame: hidden tabs keep their titles and lists up to date.
    const off = changes.on(() => {
      frame ??= setTimeout(() => {
        frame = null;
        set((n) => n + 1);
      }, 16);
    });
    set((n) => n + 1);
    return () => {
      off();
      if (frame) clearTimeout(frame);
    };
  }, [changes]);
}
