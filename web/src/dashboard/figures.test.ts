import { expect, test } from "vitest";
import type { Stats } from "./api";
import { Figures } from "./figures";

const stats = (seconds: number, more: Partial<Stats> = {}): Stats => ({
  time_ms: seconds * 1000,
  connections: 5,
  users: 2,
  channels: 3,
  subscriptions: 9,
  commands_total: 0,
  publications_total: 0,
  deliveries_total: 0,
  bytes_in_total: 0,
  bytes_out_total: 0,
  slow_disconnects_total: 0,
  refused_total: 0,
  publish_latency_us: { p50: 100, p99: 900 },
  memory_bytes: 1 << 20,
  cpu_seconds_total: 0,
  uptime_s: seconds,
  version: "1.2.3",
  ...more,
});

test("totals become rates by the server's own clock", () => {
  const figures = new Figures();
  figures.take(
    stats(10, { publications_total: 100, deliveries_total: 500, cpu_seconds_total: 1 }),
    0,
  );
  expect(figures.last("publications")).toBeNaN();
  figures.take(
    stats(12, { publications_total: 140, deliveries_total: 900, cpu_seconds_total: 2 }),
    5,
  );
  expect(figures.last("publications")).toBe(20);
  expect(figures.last("deliveries")).toBe(200);
  expect(figures.last("cpu")).toBe(50);
  expect(figures.fanOut).toBe(10);
  expect(figures.last("connections")).toBe(5);
});

test("a server that was started anew makes no negative rate", () => {
  const figures = new Figures();
  figures.take(stats(100, { publications_total: 1000 }), 0);
  figures.take(stats(2, { publications_total: 10 }), 1);
  expect(figures.series.publications.length).toBe(0);
  figures.take(stats(3, { publications_total: 15 }), 2);
  expect(figures.last("publications")).toBe(5);
});

test("what the server does not tell breaks the line", () => {
  const figures = new Figures();
  figures.take(stats(1), 0);
  expect(figures.last("latency99")).toBe(900);
  const { publish_latency_us: _, memory_bytes: __, cpu_seconds_total: ___, ...rest } = stats(2);
  figures.take(rest, 1);
  expect(figures.last("latency99")).toBeNaN();
  expect(figures.last("memory")).toBeNaN();
  expect(figures.last("cpu")).toBeNaN();
});

test("no answer breaks the lines once", () => {
  const figures = new Figures();
  figures.break(0);
  expect(figures.series.users.length).toBe(0);
  figures.take(stats(1), 1);
  figures.break(2);
  figures.break(3);
  expect(figures.series.users.length).toBe(2);
});
