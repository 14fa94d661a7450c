import { HEIGHT, STARS, WIDTH } from "./wire";

/** Counters on the wire have 16 bits. */
const ROUND = 65_536;

/**
 * Which stars are where. No server decides who took one: a claim names how often the star had been
 * taken before, and of all claims with the same count the first in the channel's order wins. All pages
 * see that order, so all agree.
 */
export class Stars {
  readonly #counts: number[];

  constructor(counts: readonly number[] = Array.from({ length: STARS }, () => 0)) {
    this.#counts = [...counts];
  }

  get counts(): readonly number[] {
    return this.#counts;
  }

  /** A claim came through the channel: `true` if it was the first for this star. */
  take(star: number, count: number): boolean {
    const known = this.#counts[star]!;
    // A greater count means that claims were missed, and nobody here took it.
    if (count !== known && !isNewer(count, known)) return false;
    this.#counts[star] = (count + 1) % ROUND;
    return true;
  }

  /** Somebody else knows more, who was here before or while this page was away. */
  learn(counts: readonly number[]): void {
    counts.forEach((count, star) => {
      if (star < STARS && isNewer(count, this.#counts[star]!)) this.#counts[star] = count;
    });
  }

  /** Where a star is, the same on all pages. */
  place(star: number): { x: number; y: number } {
    const seed = star * 7919 + this.#counts[star]! * 104_729;
    return { x: (0.06 + 0.88 * noise(seed)) * WIDTH, y: (0.08 + 0.84 * noise(seed + 1)) * HEIGHT };
  }
}

/** Counters begin again after the last; newer is what lies less than half a round ahead. */
function isNewer(a: number, b: number): boolean {
  const ahead = (a - b + ROUND) % ROUND;
  return ahead > 0 && ahead < ROUND / 2;
}

/** A number of 0 to 1 that looks random and is not. */
function noise(seed: number): number {
  let x = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return ((x ^ (x >>> 16)) >>> 0) / 2 ** 32;
}
