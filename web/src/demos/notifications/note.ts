import type { PublicationContext } from "centrifuge";

export interface Note {
  readonly title: string;
  readonly text: string;
  /** The user who asked the server to send it. */
  readonly from: string;
  readonly at: number;
}

export const TITLE_MAX = 80;
export const TEXT_MAX = 500;

/** Reads what the server published to a personal channel. */
export function parseNote(publication: PublicationContext): { id: string; value: Note } | null {
  const data = publication.data as Partial<Record<string, unknown>> | null;
  if (typeof data !== "object" || data === null) return null;
  const { id, title, text, from, at } = data;
  if (typeof id !== "string" || id === "" || typeof title !== "string") return null;
  const value = {
    title: title.slice(0, TITLE_MAX),
    text: typeof text === "string" ? text.slice(0, TEXT_MAX) : "",
    from: typeof from === "string" ? from : "",
    at: typeof at === "number" && Number.isFinite(at) ? at : Date.now(),
  };
  return { id, value };
}

/** What has been read, kept for the next visit and shared by all tabs of a user. */
export class ReadMarks {
  /** The channel keeps 100 notifications; marks of those long gone need not stay. */
  static readonly LIMIT = 300;

  #ids: Set<string>;

  constructor(
    private readonly key: string,
    private readonly storage: Pick<Storage, "getItem" | "setItem">,
  ) {
    this.#ids = this.#restore();
  }

  has(id: string): boolean {
    return this.#ids.has(id);
  }

  add(ids: Iterable<string>): void {
    // Another tab may have added some since.
    this.#ids = new Set([...this.#restore(), ...ids]);
    this.storage.setItem(this.key, JSON.stringify([...this.#ids].slice(-ReadMarks.LIMIT)));
  }

  /** Another tab changed the marks. */
  reload(): void {
    this.#ids = this.#restore();
  }

  #restore(): Set<string> {
    try {
      const kept: unknown = JSON.parse(this.storage.getItem(this.key) ?? "[]");
      return new Set(Array.isArray(kept) ? kept.filter((id) => typeof id === "string") : []);
    } catch {
      return new Set();
    }
  }
}
