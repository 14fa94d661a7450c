import { color as css } from "../../shared/palette";
import type { Drawn } from "./board";
import { outline } from "./geometry";
import type { Hand } from "./hand";
import { HEIGHT, WIDTH, type Color, type Shape } from "./op";
import { hueOf, nameOf } from "../../shared/identity";

/** How a colour looks in the present theme. */
export function paintOf(color: Color): string {
  return css(`--pen-${color}`);
}

/** A canvas that keeps the units of the board, whatever its size on the screen. */
export class Sheet {
  readonly context: CanvasRenderingContext2D;

  constructor(readonly canvas: HTMLCanvasElement) {
    this.context = canvas.getContext("2d")!;
  }

  /** Fits the pixels to the size on the screen; `true` if that changed, and the sheet is empty. */
  fit(): boolean {
    const scale = Math.min(devicePixelRatio, 2.5);
    const width = Math.max(1, Math.round(this.canvas.clientWidth * scale));
    if (this.canvas.width === width) return false;
    this.canvas.width = width;
    this.canvas.height = Math.round((width * HEIGHT) / WIDTH);
    return true;
  }

  clear(): void {
    this.context.setTransform(1, 0, 0, 1, 0, 0);
    this.context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    const scale = this.canvas.width / WIDTH;
    this.context.setTransform(scale, 0, 0, scale, 0, 0);
  }
}

/** The committed shapes. Adds what is new on top, and draws all only where something went. */
export class Painting {
  #painted: string[] = [];

  constructor(private readonly sheet: Sheet) {}

  /** `faint`: what waits for the server is drawn lighter. */
  paint(drawn: readonly Drawn[], hidden: ReadonlySet<string>, faint: boolean): void {
    const shown = drawn.filter(({ id }) => !hidden.has(id));
    const keys = shown.map((it) => (it.pending && faint ? `${it.id}?` : it.id));
    const grows =
      !this.sheet.fit() &&
      keys.length >= this.#painted.length &&
      this.#painted.every((key, i) => key === keys[i]);
    if (!grows) this.sheet.clear();
    for (const it of shown.slice(grows ? this.#painted.length : 0)) {
      paintShape(this.sheet.context, it.shape, it.pending && faint ? 0.4 : 1);
    }
    this.#painted = keys;
  }

  /** Colours changed. */
  forget(): void {
    this.#painted = ["never"];
  }
}

export function paintShape(context: CanvasRenderingContext2D, shape: Shape, alpha = 1): void {
  const points = outline(shape);
  context.save();
  context.globalAlpha = alpha * (shape.tool === "marker" ? 0.32 : 1);
  context.strokeStyle = context.fillStyle = paintOf(shape.color);
  context.lineWidth = shape.width * (shape.tool === "marker" ? 4 : 1);
  context.lineCap = context.lineJoin = "round";
  context.beginPath();
  context.moveTo(points[0]!, points[1]!);
  if (points.length === 2) context.lineTo(points[0]! + 0.01, points[1]!);
  const smooth = shape.tool === "pen" || shape.tool === "marker";
  for (let i = 2; i < points.length; i += 2) {
    const [x, y] = [points[i]!, points[i + 1]!];
    if (smooth && i + 2 < points.length) {
      context.quadraticCurveTo(x, y, (x + points[i + 2]!) / 2, (y + points[i + 3]!) / 2);
    } else {
      context.lineTo(x, y);
    }
  }
  context.stroke();
  context.restore();
}

/** Somebody else's pointer with the name beside it. */
export function paintHand(context: CanvasRenderingContext2D, hand: Hand, unit: number): void {
  const fill = `oklch(0.62 0.16 ${hueOf(hand.user)})`;
  const name = nameOf(hand.user);
  context.save();
  context.translate(hand.x, hand.y);
  context.scale(unit, unit);
  context.fillStyle = fill;
  context.strokeStyle = "white";
  context.lineWidth = 1.5;
  context.lineJoin = "round";
  context.beginPath();
  context.moveTo(0, 0);
  context.lineTo(4.5, 16);
  context.lineTo(8, 9.5);
  context.lineTo(15, 8);
  context.closePath();
  context.fill();
  context.stroke();
  context.font = "600 12px Inter, sans-serif";
  const width = context.measureText(name).width + 14;
  context.beginPath();
  context.roundRect(12, 16, width, 21, 10);
  context.fill();
  context.fillStyle = "white";
  context.textBaseline = "middle";
  context.fillText(name, 19, 27);
  context.restore();
}
