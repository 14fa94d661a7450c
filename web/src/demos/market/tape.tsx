import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { Quote } from "./quote";

const clock = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});

/** The latest trades of a symbol. */
export function Tape({ quote }: { quote: Quote }): JSX.Element {
  const [, set] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => set((n) => n + 1), 120);
    return () => clearInterval(timer);
  }, []);
  return (
    <section class="tape card" aria-label={`Latest trades of ${quote.symbol}`}>
      <h2>Trades</h2>
      <table class="num">
        <tbody>
          {quote.trades.map((trade, i) => (
            <tr key={quote.received - i}>
              <td class="dim">{clock.format(trade.time)}</td>
              <td class={trade.up ? "up" : "down"}>{trade.price.toFixed(2)}</td>
              <td>{trade.size}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
