import { color, faint } from "../shared/palette";

/** A publication on its way along one branch. */
interface Pulse {
  readonly branch: number;
  readonly at: number;
}

export interface Leaf {
  readonly name: string;
  text: string;
}

const TRAVEL_MS = 900;
/** More pulses than this at once are a blur anyway. */
const PULSES = 240;

/** The picture of the start page: one trunk, many branches, and a dot for each publication that came. */
export class Tree {
  readonly #context: CanvasRenderingContext2D;
  #pulses: Pulse[] = [];

  constructor(
    private readonly canvas: HTMLCanvasElement,
    readonly leaves: readonly Leaf[],
  ) {
    this.#context = canvas.getContext("2d")!;
  }

  /** A publication came for a leaf. */
  pulse(branch: number, text: string, now: number): void {
    this.leaves[branch]!.text = text;
    this.#pulses.push({ branch, at: now });
    if (this.#pulses.length > PULSES) this.#pulses.shift();
  }

  draw(now: number): void {
    const { canvas } = this;
    const context = this.#context;
    const { clientWidth: width, clientHeight: height } = canvas;
    const scale = Math.min(devicePixelRatio, 2);
    if (
      canvas.width !== Math.round(width * scale) ||
      canvas.height !== Math.round(height * scale)
    ) {
      canvas.width = Math.round(width * scale);
      canvas.height = Math.round(height * scale);
    }
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.clearRect(0, 0, width, height);
    this.#pulses = this.#pulses.filter((pulse) => now - pulse.at < TRAVEL_MS);
    const root = { x: width * 0.06, y: height / 2 };
    const end = width - 96;
    const curves = this.leaves.map((_, i) => {
      const y = ((i + 0.5) / this.leaves.length) * height;
      return { y, bend: root.x + (end - root.x) * 0.52 };
    });
    context.lineWidth = 1.5;
    context.strokeStyle = faint("--accent", 0.28);
    for (const { y, bend } of curves) {
      context.beginPath();
      context.moveTo(root.x, root.y);
      context.bezierCurveTo(bend, root.y, bend, y, end, y);
      context.stroke();
    }
    context.font = "500 11px Inter, sans-serif";
    context.textBaseline = "middle";
    this.leaves.forEach((leaf, i) => {
      const { y } = curves[i]!;
      const fresh = this.#pulses.some((it) => it.branch === i && now - it.at > TRAVEL_MS - 180);
      context.fillStyle = fresh ? color("--accent") : faint("--accent", 0.5);
      circle(context, end, y, fresh ? 4 : 2.5);
      context.fillStyle = color(leaf.text ? "--soft" : "--dim");
      context.fillText(leaf.text || leaf.name, end + 12, y);
    });
    context.fillStyle = color("--accent");
    for (const { branch, at } of this.#pulses) {
      const t = ease((now - at) / TRAVEL_MS);
      const { y, bend } = curves[branch]!;
      context.globalAlpha = Math.min(1, 4 * (1 - t));
      circle(context, bezier(root.x, bend, bend, end, t), bezier(root.y, root.y, y, y, t), 2.6);
    }
    context.globalAlpha = 1;
    circle(context, root.x, root.y, 9 + Math.min(5, this.#pulses.length / 40));
  }
}

function circle(context: CanvasRenderingContext2D, x: number, y: number, radius: number): void {
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fill();
}

function bezier(a: number, b: number, c: number, d: number, t: number): number {
  const s = 1 - t;
  return s * s * s * a + 3 * s * s * t * b + 3 * s * t * t * c + t * t * t * d;
}

function ease(t: number): number {
  return t * t * (3 - 2 * t);
}
