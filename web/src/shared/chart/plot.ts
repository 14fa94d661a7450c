import { color, faint } from "../palette";
import { axis, place, ticks, timeTicks, type Units } from "./scale";
import type { Series } from "./series";

export interface Line {
  readonly series: Series;
  readonly color: `--${string}`;
  /** Paint the area below. */
  readonly fill?: boolean;
}

export interface Look {
  /** The time at the left and at the right edge, in milliseconds. */
  readonly from: number;
  readonly to: number;
  readonly format: (value: number) => string;
  readonly fromZero: boolean;
  readonly units?: Units;
  /** Times are written below; not on small charts. */
  readonly times: boolean;
  /** Where the pointer is, in pixels from the left. */
  readonly pointer?: number | null;
}

const FONT = "11px Inter, system-ui, sans-serif";
const clock = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});

/** Draws lines over time on one canvas. The axis glides to a new range, so that the eye can follow. */
export class Plot {
  readonly #context: CanvasRenderingContext2D;
  #range: { low: number; high: number } | null = null;

  constructor(private readonly canvas: HTMLCanvasElement) {
    this.#context = canvas.getContext("2d")!;
  }

  draw(lines: readonly Line[], look: Look): void {
    const { width, height } = fit(this.canvas, this.#context);
    const context = this.#context;
    const bottom = height - (look.times ? 20 : 4);
    const top = 8;
    const range = this.#glide(lines, look);
    context.font = FONT;
    context.textBaseline = "middle";
    const marks = range ? ticks(range.low, range.high, Math.max(2, bottom / 48), look.units) : [];
    const labels = marks.map((mark) => look.format(mark));
    const right =
      width - 8 - Math.max(24, ...labels.map((text) => context.measureText(text).width));
    context.strokeStyle = color("--line");
    context.fillStyle = color("--dim");
    context.lineWidth = 1;
    context.textAlign = "left";
    marks.forEach((mark, i) => {
      const y = Math.round(place(mark, range!.low, range!.high, bottom, top)) + 0.5;
      if (y < top - 1 || y > bottom + 1) return;
      context.beginPath();
      context.moveTo(0, y);
      context.lineTo(right, y);
      context.stroke();
      context.fillText(labels[i]!, right + 8, y);
    });
    if (look.times) {
      context.textAlign = "center";
      for (const time of timeTicks(look.from, look.to, right / 96)) {
        const x = place(time, look.from, look.to, 0, right);
        if (x > 28 && x < right - 20) context.fillText(clock.format(time), x, height - 8);
      }
    }
    if (!range) return;
    context.save();
    context.beginPath();
    context.rect(0, 0, right, bottom + 1);
    context.clip();
    const toX = (time: number) => place(time, look.from, look.to, 0, right);
    const toY = (value: number) => place(value, range.low, range.high, bottom, top);
    for (const line of lines) strokeLine(context, line, look.from, toX, toY, bottom);
    context.restore();
    if (look.pointer != null && look.pointer <= right) {
      this.#crosshair(lines, look, right, bottom, toX, toY);
    }
  }

  #glide(lines: readonly Line[], look: Look): { low: number; high: number } | null {
    let [low, high] = [Infinity, -Infinity];
    for (const { series } of lines) {
      const range = series.range(look.from);
      if (!range) continue;
      low = Math.min(low, range.low);
      high = Math.max(high, range.high);
    }
    if (low > high) return (this.#range = null);
    const goal = axis(low, high, look.fromZero, look.units);
    const now = this.#range;
    if (!now) return (this.#range = goal);
    const ease = (from: number, to: number) => from + (to - from) * 0.18;
    return (this.#range = { low: ease(now.low, goal.low), high: ease(now.high, goal.high) });
  }

  #crosshair(
    lines: readonly Line[],
    look: Look,
    right: number,
    bottom: number,
    toX: (time: number) => number,
    toY: (value: number) => number,
  ): void {
    const context = this.#context;
    const time = place(look.pointer!, 0, right, look.from, look.to);
    const rows = lines.flatMap(({ series, color: tone }) => {
      const i = series.nearest(time);
      const value = i < 0 ? NaN : series.value(i);
      return Number.isNaN(value)
        ? []
        : [{ x: toX(series.time(i)), value, tone, time: series.time(i) }];
    });
    const first = rows[0];
    if (!first) return;
    context.strokeStyle = color("--dim");
    context.setLineDash([3, 3]);
    context.beginPath();
    context.moveTo(first.x, 0);
    context.lineTo(first.x, bottom);
    context.stroke();
    context.setLineDash([]);
    const texts = [clock.format(first.time), ...rows.map((row) => look.format(row.value))];
    const boxWidth = Math.max(...texts.map((text) => context.measureText(text).width)) + 28;
    const boxHeight = 12 + 17 * texts.length;
    const left = first.x + 12 + boxWidth > right ? first.x - 12 - boxWidth : first.x + 12;
    context.fillStyle = color("--raised");
    context.strokeStyle = color("--line");
    context.beginPath();
    context.roundRect(left, 10, boxWidth, boxHeight, 8);
    context.fill();
    context.stroke();
    context.textAlign = "left";
    texts.forEach((text, i) => {
      const y = 25 + 17 * i;
      const row = rows[i - 1];
      context.fillStyle = color(row ? "--ink" : "--dim");
      context.fillText(text, left + (row ? 20 : 10), y);
      if (!row) return;
      context.fillStyle = color(row.tone);
      dot(context, left + 12, y, 3);
      dot(context, row.x, toY(row.value), 3.5);
    });
  }
}

/** Where a window of `span` that ends at `to` begins: later while there is little to show in it. */
export function windowStart(series: Series, to: number, span: number): number {
  const first = series.length > 0 ? series.time(0) : to;
  return Math.max(to - span, Math.min(first, to - span / 5));
}

/** A small line without axes. */
export function drawSpark(canvas: HTMLCanvasElement, line: Line, from: number, to: number): void {
  const context = canvas.getContext("2d")!;
  const { width, height } = fit(canvas, context);
  const range = line.series.range(from);
  if (!range) return;
  const { low, high } = axis(range.low, range.high, false);
  strokeLine(
    context,
    line,
    from,
    (time) => place(time, from, to, 0, width - 2),
    (value) => place(value, low, high, height - 2, 2),
    height,
  );
}

function strokeLine(
  context: CanvasRenderingContext2D,
  line: Line,
  from: number,
  toX: (time: number) => number,
  toY: (value: number) => number,
  bottom: number,
): void {
  const { series } = line;
  context.strokeStyle = color(line.color);
  context.lineWidth = 1.75;
  context.lineJoin = "round";
  for (let i = Math.max(0, series.since(from) - 1); i < series.length;) {
    // One unbroken piece.
    let end = i;
    while (end < series.length && !Number.isNaN(series.value(end))) end++;
    if (end > i) {
      const path = new Path2D();
      for (let j = i; j < end; j++) path.lineTo(toX(series.time(j)), toY(series.value(j)));
      if (line.fill) {
        const area = new Path2D(path);
        area.lineTo(toX(series.time(end - 1)), bottom);
        area.lineTo(toX(series.time(i)), bottom);
        const gradient = context.createLinearGradient(0, 0, 0, bottom);
        gradient.addColorStop(0, faint(line.color, 0.24));
        gradient.addColorStop(1, faint(line.color, 0.01));
        context.fillStyle = gradient;
        context.fill(area);
      }
      context.stroke(path);
    }
    i = end + 1;
  }
}

function dot(context: CanvasRenderingContext2D, x: number, y: number, radius: number): void {
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fill();
}

/** Empties a canvas and gives it as many pixels as the screen has for it. */
function fit(canvas: HTMLCanvasElement, context: CanvasRenderingContext2D) {
  const { clientWidth: width, clientHeight: height } = canvas;
  const scale = Math.min(devicePixelRatio, 2.5);
  if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
  }
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, width, height);
  return { width, height };
}
