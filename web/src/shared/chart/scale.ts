/** Numbers to places, and numbers that are good to write on an axis. */

/** Places `value` of `low` to `high` between `start` and `end`. */
export function place(
  value: number,
  low: number,
  high: number,
  start: number,
  end: number,
): number {
  return start + ((value - low) / (high - low)) * (end - start);
}

/** The step of 1, 2 or 5 times a power of ten that divides `span` in about `count` parts. */
export function step(span: number, count: number): number {
  const raw = span / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(raw));
  const digit = raw / power;
  return (digit >= 7.5 ? 10 : digit >= 3.5 ? 5 : digit >= 1.5 ? 2 : 1) * power;
}

/** What numbers on an axis are round in: bytes are read in powers of 1024. */
export type Units = "decimal" | "bytes";

/** Round numbers from `low` to `high`, about `count` of them. */
export function ticks(
  low: number,
  high: number,
  count: number,
  units: Units = "decimal",
): number[] {
  if (!(high > low)) return [low];
  const unit = unitOf(high, units);
  if (unit > 1) return ticks(low / unit, high / unit, count).map((tick) => tick * unit);
  const by = step(high - low, count);
  const first = Math.ceil(low / by - 1e-9);
  const last = Math.floor(high / by + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, i) => tidy((first + i) * by));
}

/** A range for an axis that shows `low` to `high` with some air, from zero if asked. */
export function axis(
  low: number,
  high: number,
  fromZero: boolean,
  units: Units = "decimal",
): { low: number; high: number } {
  if (fromZero) {
    const unit = unitOf(high, units);
    if (unit > 1) return { low: 0, high: axis(0, high / unit, true).high * unit };
    const by = step(Math.max(high, 1e-9), 4);
    return { low: 0, high: high > 0 ? Math.max(by, Math.ceil(high / by + 0.05) * by) : 1 };
  }
  const air = (high - low || Math.abs(high) * 0.01 || 1) * 0.12;
  return { low: low - air, high: high + air };
}

const TIME_STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600].map((s) => s * 1000);

/** Full seconds or minutes from `from` to `to`, at most `count` of them, in milliseconds. */
export function timeTicks(from: number, to: number, count: number): number[] {
  const by = TIME_STEPS.find((it) => (to - from) / it <= count) ?? TIME_STEPS.at(-1)!;
  const times: number[] = [];
  for (let time = Math.ceil(from / by) * by; time <= to; time += by) times.push(time);
  return times;
}

/** 1024, its square and so on, as `bytes` of `format.ts` writes numbers of that size. */
function unitOf(high: number, units: Units): number {
  if (units === "decimal" || high < 1000) return 1;
  return 1024 ** Math.floor(Math.log(high * 1.024) / Math.log(1024));
}

/** Takes away what multiplying fractions left behind, such as 0.30000000000000004. */
function tidy(value: number): number {
  return Number(value.toPrecision(12)) + 0;
}
