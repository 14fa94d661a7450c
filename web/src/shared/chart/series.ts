/**
 * Values over time, the latest `capacity` of them. Times do not go back. `NaN` breaks the line: nothing
 * is known from there to the next value.
 */
export class Series {
  readonly #times: Float64Array;
  readonly #values: Float64Array;
  #start = 0;
  #length = 0;

  constructor(readonly capacity: number) {
    this.#times = new Float64Array(capacity);
    this.#values = new Float64Array(capacity);
  }

  get length(): number {
    return this.#length;
  }

  push(time: number, value: number): void {
    const at = (this.#start + this.#length) % this.capacity;
    this.#times[at] = time;
    this.#values[at] = value;
    if (this.#length < this.capacity) this.#length++;
    else this.#start = (this.#start + 1) % this.capacity;
  }

  time(i: number): number {
    return this.#times[(this.#start + i) % this.capacity]!;
  }

  value(i: number): number {
    return this.#values[(this.#start + i) % this.capacity]!;
  }

  /** The latest value, `NaN` if there is none. */
  get last(): number {
    return this.#length === 0 ? NaN : this.value(this.#length - 1);
  }

  /** The first index whose time is `time` or later. */
  since(time: number): number {
    let [low, high] = [0, this.#length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.time(middle) < time) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The index whose time is closest, -1 if there is none. */
  nearest(time: number): number {
    const after = this.since(time);
    if (after === this.#length) return after - 1;
    if (after === 0) return 0;
    return time - this.time(after - 1) < this.time(after) - time ? after - 1 : after;
  }

  /** Least and greatest value from `time` on, with the one before, which a line comes from. */
  range(time: number): { low: number; high: number } | null {
    let [low, high] = [Infinity, -Infinity];
    for (let i = Math.max(0, this.since(time) - 1); i < this.#length; i++) {
      const value = this.value(i);
      if (value < low) low = value;
      if (value > high) high = value;
    }
    return low <= high ? { low, high } : null;
  }
}
