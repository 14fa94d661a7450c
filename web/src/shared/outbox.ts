/** Something to publish, known by an id that the sender made up. */
export interface Pending<T> {
  readonly id: string;
  readonly value: T;
  /** Why the server refused it for good; absent while it may still be sent. */
  readonly refused?: string;
}

/** What a failed publish means for the entry. */
export type Refusal = { final: boolean; reason: string };

/**
 * What has not been acknowledged yet, in order. Survives a reload of the page, as `storage` holds a
 * copy.
 *
 * An answer that never came leaves open whether the server has the entry. So the owner calls
 * `confirm` for all that the channel brings back before it calls `flush` again; only what is missing
 * is repeated, and receivers drop repeated ids.
 */
export class Outbox<T> {
  #pending: Pending<T>[];
  #sending = false;

  /** More than this many at once are refused: a page is offline for hours, not for ever. */
  static readonly LIMIT = 1000;

  constructor(
    private readonly key: string,
    private readonly publish: (entry: Pending<T>) => Promise<unknown>,
    private readonly judge: (error: unknown) => Refusal,
    private readonly onChange: () => void = () => {},
    private readonly storage: Pick<Storage, "getItem" | "setItem"> | null = null,
  ) {
    this.#pending = this.#restore();
  }

  get pending(): readonly Pending<T>[] {
    return this.#pending;
  }

  /** Takes an entry over; `false` if there are too many already. */
  add(entry: Pending<T>): boolean {
    if (this.#pending.length >= Outbox.LIMIT) return false;
    this.#set([...this.#pending, entry]);
    return true;
  }

  /** The channel has it. */
  confirm(id: string): void {
    if (this.#pending.some((entry) => entry.id === id)) {
      this.#set(this.#pending.filter((entry) => entry.id !== id));
    }
  }

  /** Gives a refused entry another chance. */
  retry(id: string): void {
    this.#set(this.#pending.map((it) => (it.id === id ? { id: it.id, value: it.value } : it)));
  }

  /** Publishes what waits, one after the other; `false` if one failed in a way that passes. */
  async flush(): Promise<boolean> {
    if (this.#sending) return true;
    this.#sending = true;
    try {
      for (;;) {
        const next = this.#pending.find((entry) => entry.refused === undefined);
        if (!next) return true;
        try {
          await this.publish(next);
          this.confirm(next.id);
        } catch (error) {
          const { final, reason } = this.judge(error);
          if (!final) return false;
          this.#set(
            this.#pending.map((it) => (it.id === next.id ? { ...it, refused: reason } : it)),
          );
        }
      }
    } finally {
      this.#sending = false;
    }
  }

  #set(pending: Pending<T>[]): void {
    this.#pending = pending;
    try {
      this.storage?.setItem(this.key, JSON.stringify(pending));
    } catch {
      // Storage is full or forbidden: entries then live as long as the page.
    }
    this.onChange();
  }

  #restore(): Pending<T>[] {
    try {
      const kept: unknown = JSON.parse(this.storage?.getItem(this.key) ?? "[]");
      return Array.isArray(kept) ? (kept as Pending<T>[]).slice(0, Outbox.LIMIT) : [];
    } catch {
      return [];
    }
  }
}
