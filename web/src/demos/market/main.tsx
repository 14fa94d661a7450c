import { Centrifuge } from "centrifuge";
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Plot, windowStart } from "../../shared/chart/plot";
import { count } from "../../shared/format";
import { everyFrame } from "../../shared/frames";
import { currentUser } from "../../shared/identity";
import { mount } from "../../shared/mount";
import { openSession } from "../../shared/session";
import { Header, SecondTab } from "../../shared/shell";
import { Board } from "./board";
import "./market.css";
import { Market } from "./market";
import type { Quote } from "./quote";
import { Tape } from "./tape";
import { COMPANIES } from "./tick";

const client = openSession(Centrifuge, currentUser(), "market");
const market = new Market(client);

/** How much of the past the large chart shows, in milliseconds. */
const WINDOW_MS = 60_000;

function Page(): JSX.Element {
  const [quote, pick] = useState<Quote>(
    market.quotes.find((it) => `#${it.symbol}` === location.hash) ?? market.quotes[0]!,
  );
  const choose = (chosen: Quote) => {
    history.replaceState(null, "", `#${chosen.symbol}`);
    pick(chosen);
  };
  return (
    <>
      <Header title="Market" client={client}>
        <Pulse />
        <SecondTab />
      </Header>
      <main class="market">
        <section class="focus card" aria-label={COMPANIES[quote.symbol]}>
          <Headline quote={quote} />
          <Chart key={quote.symbol} quote={quote} />
        </section>
        <Tape quote={quote} />
        <Board market={market} chosen={quote} onPick={choose} />
      </main>
    </>
  );
}

/** Draws again a few times a second, which is as fast as people read. */
function useBeat(ms: number): void {
  const [, set] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => set((n) => n + 1), ms);
    return () => clearInterval(timer);
  }, [ms]);
}

function Pulse(): JSX.Element {
  useBeat(250);
  return (
    <span class="badge num" title="Updates that this page received in the last second">
      {count(market.rate.perSecond(Date.now()))} updates/s
    </span>
  );
}

function Headline({ quote }: { quote: Quote }): JSX.Element {
  useBeat(100);
  const up = quote.change >= 0;
  const known = !Number.isNaN(quote.price);
  return (
    <header>
      <div>
        <h2>{COMPANIES[quote.symbol]}</h2>
        <p class="dim">
          {quote.symbol} · {count(quote.received)} updates
          {quote.skipped > 0 && `, ${count(quote.skipped)} more while away`}
        </p>
      </div>
      <span class="gap" />
      {known && (
        <div class="price num" aria-live="off">
          <b>{quote.price.toFixed(2)}</b>
          <span class={up ? "up" : "down"}>
            {up ? "▲" : "▼"} {Math.abs(quote.change * 100).toFixed(2)} %
          </span>
        </div>
      )}
    </header>
  );
}

function Chart({ quote }: { quote: Quote }): JSX.Element {
  const canvas = useRef<HTMLCanvasElement>(null);
  const pointer = useRef<number | null>(null);
  useEffect(() => {
    const plot = new Plot(canvas.current!);
    return everyFrame(() => {
      const to = Date.now();
      plot.draw(
        [{ series: quote.series, color: quote.change < 0 ? "--down" : "--up", fill: true }],
        {
          from: windowStart(quote.series, to, WINDOW_MS),
          to,
          format: (value) => value.toFixed(2),
          fromZero: false,
          times: true,
          pointer: pointer.current,
        },
      );
    });
  }, [quote]);
  return (
    <canvas
      ref={canvas}
      role="img"
      aria-label={`Price of ${quote.symbol} in the last minute`}
      onPointerMove={(event) => (pointer.current = event.offsetX)}
      onPointerLeave={() => (pointer.current = null)}
    />
  );
}

mount(<Page />);
