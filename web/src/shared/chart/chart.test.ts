import { expect, test } from "vitest";
import { axis, place, step, ticks, timeTicks } from "./scale";
import { Series } from "./series";

test("a full series forgets its oldest values", () => {
  const series = new Series(3);
  for (const i of [1, 2, 3, 4]) series.push(i * 10, i);
  expect([series.length, series.time(0), series.value(0), series.last]).toEqual([3, 20, 2, 4]);
  expect(new Series(3).last).toBeNaN();
});

test("a time is found among those that are kept", () => {
  const series = new Series(4);
  for (const i of [1, 2, 3, 4, 5, 6]) series.push(i * 10, i);
  expect([0, 30, 31, 60, 61].map((time) => series.since(time))).toEqual([0, 0, 1, 3, 4]);
  expect([0, 34, 36, 99].map((time) => series.nearest(time))).toEqual([0, 0, 1, 3]);
  expect(new Series(4).nearest(5)).toBe(-1);
});

test("the range is that of what is seen, breaks left out", () => {
  const series = new Series(8);
  [5, 1, NaN, 3, 4].forEach((value, i) => series.push(i, value));
  expect(series.range(4)).toEqual({ low: 3, high: 4 });
  expect(series.range(0)).toEqual({ low: 1, high: 5 });
  expect(new Series(8).range(0)).toBeNull();
});

test("steps are 1, 2 or 5 times a power of ten", () => {
  expect([step(10, 5), step(1, 4), step(7, 5), step(0.04, 5), step(3900, 4)]).toEqual([
    2, 0.2, 1, 0.01, 1000,
  ]);
});

test("ticks are round and within the range", () => {
  expect(ticks(0, 10, 5)).toEqual([0, 2, 4, 6, 8, 10]);
  expect(ticks(0.1, 0.52, 4)).toEqual([0.1, 0.2, 0.3, 0.4, 0.5]);
  expect(ticks(-3, 3, 3)).toEqual([-2, 0, 2]);
  expect(ticks(5, 5, 4)).toEqual([5]);
});

test("an axis has air, and one from zero ends at a round number", () => {
  expect(axis(0, 0, true)).toEqual({ low: 0, high: 1 });
  expect(axis(3, 97, true)).toEqual({ low: 0, high: 100 });
  expect(axis(3, 100, true)).toEqual({ low: 0, high: 120 });
  expect(axis(10, 20, false)).toEqual({ low: 8.8, high: 21.2 });
  const flat = axis(50, 50, false);
  expect(flat.low).toBeLessThan(50);
  expect(flat.high).toBeGreaterThan(50);
});

test("bytes are round in powers of 1024", () => {
  expect(ticks(0, 64 * 1024, 4, "bytes")).toEqual([0, 20, 40, 60].map((kb) => kb * 1024));
  expect(ticks(0, 500, 4, "bytes")).toEqual([0, 100, 200, 300, 400, 500]);
  expect(axis(0, 63 * 1024 ** 2, true, "bytes").high).toBe(80 * 1024 ** 2);
});

test("times are full seconds, not too many", () => {
  expect(timeTicks(1_500, 10_500, 5)).toEqual([2_000, 4_000, 6_000, 8_000, 10_000]);
  expect(timeTicks(0, 300_000, 5)).toEqual([0, 60_000, 120_000, 180_000, 240_000, 300_000]);
});

test("places grow up or down", () => {
  expect(place(5, 0, 10, 100, 200)).toBe(150);
  expect(place(0, 0, 10, 200, 100)).toBe(200);
});
