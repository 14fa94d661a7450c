import { Series } from "../../shared/chart/series";
import type { Tick } from "./tick";

export interface Trade {
  readonly time: number;
  readonly price: number;
  readonly size: number;
  readonly up: boolean;
}

/** Trades that the tape shows. */
const TAPE = 14;

/** What is known of one symbol. */
export class Quote {
  /** Two minutes at some thirty ticks a second. */
  readonly series = new Series(4096);
  trades: readonly Trade[] = [];
  open = NaN;
  /** Rose or fell with the last change, and when. */
  moved: { up: boolean; at: number } = { up: true, at: -Infinity };
  received = 0;
  /** Publications that the channel had and this page never saw, as the offsets tell. */
  skipped = 0;
  #offset = 0;

  constructor(readonly symbol: string) {}

  get price(): number {
    return this.trades[0]?.price ?? NaN;
  }

  /** The change since the start of the day, as a fraction. */
  get change(): number {
    return this.price / this.open - 1;
  }

  take(tick: Tick, offset: number, now: number): void {
    this.received++;
    if (this.#offset > 0 && offset > this.#offset + 1) this.skipped += offset - this.#offset - 1;
    if (offset > 0) this.#offset = offset;
    const before = this.trades[0]?.price ?? tick.open;
    if (tick.price !== before) this.moved = { up: tick.price > before, at: now };
    const { price, size } = tick;
    this.trades = [{ time: now, price, size, up: price >= before }, ...this.trades].slice(0, TAPE);
    this.open = tick.open;
    this.series.push(now, price);
  }

  /** The connection was lost: what follows is unknown until the next tick. */
  break(now: number): void {
    if (this.series.length > 0) this.series.push(now, NaN);
  }
}
