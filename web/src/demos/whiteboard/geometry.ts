import type { Shape } from "./op";

/** Leaves out points that a line between their neighbours passes within `tolerance` (Douglas-Peucker). */
export function simplify(points: readonly number[], tolerance: number): number[] {
  const last = points.length / 2 - 1;
  const keep = new Set([0, last]);
  const spans: [number, number][] = [[0, last]];
  for (let span = spans.pop(); span; span = spans.pop()) {
    const [from, to] = span;
    let [farthest, far] = [-1, tolerance];
    for (let i = from + 1; i < to; i++) {
      const distance = toSegment(x(points, i), y(points, i), points, from, to);
      if (distance > far) [farthest, far] = [i, distance];
    }
    if (farthest < 0) continue;
    keep.add(farthest);
    spans.push([from, farthest], [farthest, to]);
  }
  return [...keep].sort((a, b) => a - b).flatMap((i) => [x(points, i), y(points, i)]);
}

/** Whether a shape passes within `reach` of a place. */
export function touches(shape: Shape, px: number, py: number, reach: number): boolean {
  const points = outline(shape);
  const within = reach + shape.width / 2;
  if (points.length === 2) return Math.hypot(px - points[0]!, py - points[1]!) <= within;
  for (let i = 1; i < points.length / 2; i++) {
    if (toSegment(px, py, points, i - 1, i) <= within) return true;
  }
  return false;
}

/** The line that a shape consists of. */
export function outline({ tool, points }: Shape): readonly number[] {
  const [x0 = 0, y0 = 0] = points;
  const [x1 = x0, y1 = y0] = points.slice(-2);
  if (tool === "box") return [x0, y0, x1, y0, x1, y1, x0, y1, x0, y0];
  if (tool === "circle") {
    const [cx, cy, rx, ry] = [(x0 + x1) / 2, (y0 + y1) / 2, (x1 - x0) / 2, (y1 - y0) / 2];
    return Array.from({ length: 49 }, (_, i) => (i / 48) * 2 * Math.PI).flatMap((angle) => [
      cx + rx * Math.cos(angle),
      cy + ry * Math.sin(angle),
    ]);
  }
  return points;
}

function toSegment(
  px: number,
  py: number,
  points: readonly number[],
  a: number,
  b: number,
): number {
  const [ax, ay, bx, by] = [x(points, a), y(points, a), x(points, b), y(points, b)];
  const [dx, dy] = [bx - ax, by - ay];
  const length = dx * dx + dy * dy;
  const t = length === 0 ? 0 : Math.max(0, Math.min(1, ((px - ax) * dx + (py - ay) * dy) / length));
  return Math.hypot(px - ax - t * dx, py - ay - t * dy);
}

const x = (points: readonly number[], i: number) => points[2 * i]!;
const y = (points: readonly number[], i: number) => points[2 * i + 1]!;
