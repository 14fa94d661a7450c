import type { PublicationContext } from "centrifuge";
import { expect, test } from "vitest";
import { Rate } from "../../shared/rate";
import { Quote } from "./quote";
import { parseTick } from "./tick";

const tick = (price: number) => ({ price, size: 10, open: 100 });

test("a quote knows its change since the start of the day and which way it moved", () => {
  const quote = new Quote("ACME");
  quote.take(tick(101), 1, 0);
  expect(quote.moved).toEqual({ up: true, at: 0 });
  quote.take(tick(99), 2, 10);
  quote.take(tick(99), 3, 20);
  expect(quote.moved).toEqual({ up: false, at: 10 });
  expect(quote.change).toBeCloseTo(-0.01);
  expect(quote.trades.map(({ up }) => up)).toEqual([true, false, true]);
});

test("offsets tell what was skipped, and a new history begins to count anew", () => {
  const quote = new Quote("ACME");
  quote.take(tick(100), 7, 0);
  quote.take(tick(100), 8, 1);
  quote.take(tick(100), 12, 2);
  quote.take(tick(100), 1, 3);
  quote.take(tick(100), 2, 4);
  expect([quote.received, quote.skipped]).toEqual([5, 3]);
});

test("a lost connection breaks the line and leaves the price", () => {
  const quote = new Quote("ACME");
  quote.break(0);
  expect(quote.series.length).toBe(0);
  quote.take(tick(100), 1, 1);
  quote.break(2);
  expect(quote.series.length).toBe(2);
  expect(quote.trades[0]?.price).toBe(100);
});

test("a rate counts one second", () => {
  const rate = new Rate();
  for (const now of [0, 400, 900, 1100]) rate.hit(now);
  expect(rate.perSecond(1200)).toBe(3);
  expect(rate.perSecond(5000)).toBe(0);
});

test("publications that are no tick are passed over", () => {
  const parse = (data: unknown) => parseTick({ data } as PublicationContext);
  expect(parse({ price: 5 })).toEqual({ price: 5, size: 0, open: 5 });
  for (const data of [null, 1, {}, { price: "5" }, { price: 0 }, { price: NaN }]) {
    expect(parse(data)).toBeNull();
  }
});
