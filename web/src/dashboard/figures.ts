import { Series } from "../shared/chart/series";
import type { Stats } from "./api";

/** Half an hour of seconds. */
const KEPT = 1800;

/** What is drawn: totals are turned into rates per second. */
export const FIGURES = [
  "connections",
  "users",
  "channels",
  "subscriptions",
  "commands",
  "publications",
  "deliveries",
  "bytesIn",
  "bytesOut",
  "latency50",
  "latency99",
  "memory",
  "cpu",
] as const;
export type Figure = (typeof FIGURES)[number];

/** The server's figures over time. */
export class Figures {
  readonly series: Readonly<Record<Figure, Series>>;
  latest: Stats | null = null;

  constructor() {
    this.series = Object.fromEntries(FIGURES.map((it) => [it, new Series(KEPT)])) as Record<
      Figure,
      Series
    >;
  }

  /** Takes what the server says now. Times are the page's, as charts are drawn by its clock. */
  take(stats: Stats, now: number): void {
    const before = this.latest;
    this.latest = stats;
    const put = (figure: Figure, value: number) => this.series[figure].push(now, value);
    put("connections", stats.connections);
    put("users", stats.users);
    put("channels", stats.channels);
    put("subscriptions", stats.subscriptions);
    put("memory", stats.memory_bytes ?? NaN);
    put("latency50", stats.publish_latency_us?.p50 ?? NaN);
    put("latency99", stats.publish_latency_us?.p99 ?? NaN);
    // A server that began anew counts from zero: there is no rate across that.
    if (!before || stats.uptime_s < before.uptime_s) return;
    const seconds = (stats.time_ms - before.time_ms) / 1000;
    if (seconds <= 0) return;
    const rate = (figure: Figure, total: keyof Stats, scale = 1) => {
      const grown = (stats[total] as number) - (before[total] as number);
      // What the server does not tell has no rate.
      put(figure, Math.max(0, (grown / seconds) * scale));
    };
    rate("commands", "commands_total");
    rate("publications", "publications_total");
    rate("deliveries", "deliveries_total");
    rate("bytesIn", "bytes_in_total");
    rate("bytesOut", "bytes_out_total");
    rate("cpu", "cpu_seconds_total", 100);
  }

  /** The server did not answer: lines break. */
  break(now: number): void {
    for (const figure of FIGURES) {
      const series = this.series[figure];
      if (series.length > 0 && !Number.isNaN(series.last)) series.push(now, NaN);
    }
  }

  last(figure: Figure): number {
    return this.series[figure].last;
  }

  /** How many received each publication, in the last second. */
  get fanOut(): number {
    return this.last("deliveries") / this.last("publications");
  }
}
