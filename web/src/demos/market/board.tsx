import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { drawSpark, windowStart } from "../../shared/chart/plot";
import { everyFrame } from "../../shared/frames";
import type { Market } from "./market";
import type { Quote } from "./quote";
import { COMPANIES } from "./tick";

/** How much of the past the small charts show, in milliseconds. */
const WINDOW_MS = 30_000;
/** How long a change of price glows, in milliseconds. */
const GLOW_MS = 280;

/**
 * All symbols at once. Preact lays the tiles out; what moves is written to them directly, a quarter of
 * the tiles per frame, since hundreds of changes a second are no reason to build lists.
 */
export function Board(props: {
  market: Market;
  chosen: Quote;
  onPick: (quote: Quote) => void;
}): JSX.Element {
  const { market, chosen, onPick } = props;
  const board = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const tiles = market.quotes.map((quote, i) => new Tile(quote, board.current!.children[i]!));
    let frame = 0;
    return everyFrame(() => {
      frame++;
      const now = Date.now();
      tiles.forEach((tile, i) => {
        if (i % 4 === frame % 4) tile.draw(now);
      });
    });
  }, [market]);
  return (
    <div class="board" ref={board}>
      {market.quotes.map((quote) => (
        <button
          key={quote.symbol}
          class={`tile card ${quote === chosen ? "on" : ""}`}
          aria-pressed={quote === chosen}
          title={COMPANIES[quote.symbol]}
          onClick={() => onPick(quote)}
        >
          <b>{quote.symbol}</b>
          <span class="change num" />
          <span class="last num" />
          <canvas aria-hidden="true" />
        </button>
      ))}
    </div>
  );
}

class Tile {
  readonly #change: HTMLElement;
  readonly #last: HTMLElement;
  readonly #canvas: HTMLCanvasElement;

  constructor(
    private readonly quote: Quote,
    tile: Element,
  ) {
    this.#change = tile.querySelector(".change")!;
    this.#last = tile.querySelector(".last")!;
    this.#canvas = tile.querySelector("canvas")!;
  }

  draw(now: number): void {
    const { change, price, moved, series } = this.quote;
    if (Number.isNaN(price)) return;
    const glow = now - moved.at < GLOW_MS ? (moved.up ? " rose" : " fell") : "";
    write(this.#last, price.toFixed(2), `last num${glow}`);
    const sign = change >= 0 ? "+" : "−";
    write(
      this.#change,
      `${sign}${Math.abs(change * 100).toFixed(2)}%`,
      `change num ${change >= 0 ? "up" : "down"}`,
    );
    const color = change >= 0 ? "--up" : "--down";
    drawSpark(
      this.#canvas,
      { series, color, fill: true },
      windowStart(series, now, WINDOW_MS),
      now,
    );
  }
}

function write(element: HTMLElement, text: string, className: string): void {
  if (element.textContent !== text) element.textContent = text;
  if (element.className !== className) element.className = className;
}
