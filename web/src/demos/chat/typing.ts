/** Who is typing right now, by user. */
export class Typing {
  /** A signal counts for so long; senders repeat it more often. */
  static readonly LASTS_MS = 3500;
  static readonly REPEAT_MS = 2000;

  readonly #until = new Map<string, number>();
  #sent = -Infinity;

  heard(user: string, now: number): void {
    this.#until.set(user, now + Typing.LASTS_MS);
  }

  /** A message came, so its author has finished. */
  finished(user: string): void {
    this.#until.delete(user);
  }

  users(now: number): string[] {
    for (const [user, until] of this.#until) if (until <= now) this.#until.delete(user);
    return [...this.#until.keys()].sort();
  }

  /** Whether to tell the others now that this user typed something. */
  shouldTell(now: number): boolean {
    if (now - this.#sent < Typing.REPEAT_MS) return false;
    this.#sent = now;
    return true;
  }

  /** This user sent the message; the next key tells again at once. */
  sent(): void {
    this.#sent = -Infinity;
  }
}
