/** How many things happened in the last second. */
export class Rate {
  readonly #times: number[] = [];

  hit(now: number): void {
    this.#times.push(now);
    // Far more than a page can draw; keeps the list small while the tab sleeps.
    if (this.#times.length > 20_000) this.#times.splice(0, 10_000);
  }

  perSecond(now: number): number {
    const first = this.#times.findIndex((time) => time > now - 1000);
    this.#times.splice(0, first < 0 ? this.#times.length : first);
    return this.#times.length;
  }
}
