/** A publication of a channel that carries an id of its sender. */
export interface Entry<T> {
  readonly id: string;
  /** Position in the channel's history. */
  readonly offset: number;
  /** Counts how often the server's history began anew; offsets compare within one era only. */
  readonly era: number;
  readonly value: T;
}

/**
 * What a page knows of a channel: entries in the order of the channel, each once.
 *
 * The same entry comes several times: live, from recovery, from history, and twice in the history
 * itself if its sender had to repeat it without having heard an answer. The first place counts.
 */
export class ChannelLog<T> {
  readonly #entries: Entry<T>[] = [];
  readonly #ids = new Set<string>();
  #era = 0;

  /** `limit`: the oldest entries beyond it are forgotten. */
  constructor(readonly limit = Infinity) {}

  get entries(): readonly Entry<T>[] {
    return this.#entries;
  }

  /** Puts an entry where it belongs; `null` if it is here already. */
  insert(id: string, offset: number, value: T): Entry<T> | null {
    if (this.#ids.has(id)) return null;
    const entry = { id, offset, era: this.#era, value };
    let at = this.#entries.length;
    while (at > 0 && this.#isAfter(this.#entries[at - 1]!, entry)) at--;
    if (at === 0 && this.#entries.length >= this.limit) return null;
    this.#entries.splice(at, 0, entry);
    this.#ids.add(id);
    while (this.#entries.length > this.limit) this.#ids.delete(this.#entries.shift()!.id);
    return entry;
  }

  has(id: string): boolean {
    return this.#ids.has(id);
  }

  /** The server's history began anew: what comes next stands behind all that is here. */
  startEra(): void {
    this.#era++;
  }

  #isAfter(a: Entry<T>, b: Entry<T>): boolean {
    return a.era > b.era || (a.era === b.era && a.offset > b.offset);
  }
}
