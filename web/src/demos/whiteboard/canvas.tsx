import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { newId } from "../../shared/id";
import { onTheme } from "../../shared/theme";
import { simplify, touches } from "./geometry";
import type { Model } from "./model";
import { ERASED_MAX, HEIGHT, NUMBERS_MAX, WIDTH, type Color, type Shape, type Tool } from "./op";
import { paintHand, Painting, paintShape, Sheet } from "./paint";

export interface Pen {
  readonly tool: Tool | "eraser";
  readonly color: Color;
  readonly width: number;
}

/** How often others hear of this hand, in milliseconds. */
const TELL_MS = 40;
/** How far from a line the eraser still takes it, in units of the board. */
const REACH = 12;

/** The board itself: what is committed below, what is being drawn and the hands above. */
export function Canvas({ model, pen }: { model: Model; pen: Pen }): JSX.Element {
  const below = useRef<HTMLCanvasElement>(null);
  const above = useRef<HTMLCanvasElement>(null);
  const held = useRef<Pen>(pen);
  held.current = pen;
  useEffect(() => {
    const surface = new Surface(model, below.current!, above.current!, () => held.current);
    return () => surface.close();
  }, [model]);
  return (
    <div class={`sheet ${pen.tool}`}>
      <canvas ref={below} />
      <canvas ref={above} class="above" aria-label="Whiteboard" role="img" />
    </div>
  );
}

/** Pointer in, pixels out. */
class Surface {
  readonly #painting: Painting;
  readonly #top: Sheet;
  /** The stroke in the making, not yet told from `told` on. */
  #stroke: { id: string; shape: Shape & { points: number[] }; told: number } | null = null;
  readonly #erased = new Set<string>();
  #erasing = false;
  #told = 0;
  #dirty = true;
  #frame = 0;
  readonly #offs: (() => void)[];

  constructor(
    private readonly model: Model,
    below: HTMLCanvasElement,
    above: HTMLCanvasElement,
    private readonly pen: () => Pen,
  ) {
    this.#painting = new Painting(new Sheet(below));
    this.#top = new Sheet(above);
    const on = <K extends "pointerdown" | "pointermove" | "pointerup" | "pointercancel">(
      type: K,
      act: (event: PointerEvent) => void,
    ) => {
      above.addEventListener(type, act);
      return () => above.removeEventListener(type, act);
    };
    const resized = new ResizeObserver(() => (this.#dirty = true));
    resized.observe(above);
    this.#offs = [
      on("pointerdown", (event) => this.#down(event)),
      on("pointermove", (event) => this.#move(event)),
      on("pointerup", () => this.#up()),
      on("pointercancel", () => this.#up()),
      model.changes.on(() => (this.#dirty = true)),
      onTheme(() => {
        this.#painting.forget();
        this.#dirty = true;
      }),
      () => resized.disconnect(),
    ];
    this.#draw();
  }

  close(): void {
    cancelAnimationFrame(this.#frame);
    for (const off of this.#offs) off();
  }

  #down(event: PointerEvent): void {
    if (event.button !== 0 || !event.isPrimary) return;
    this.#top.canvas.setPointerCapture(event.pointerId);
    const [x, y] = this.#place(event);
    const { tool, color, width } = this.pen();
    if (tool === "eraser") {
      this.#erasing = true;
      this.#erase(x, y);
    } else {
      this.#stroke = { id: newId(), shape: { tool, color, width, points: [x, y] }, told: 0 };
    }
  }

  #move(event: PointerEvent): void {
    // A fast pointer moves many times per frame.
    const events = event.getCoalescedEvents();
    for (const part of events.length > 0 ? events : [event]) {
      const [x, y] = this.#place(part);
      if (this.#erasing) this.#erase(x, y);
      else if (this.#stroke) this.#extend(x, y);
    }
    this.#tell(...this.#place(event));
  }

  #up(): void {
    if (this.#erasing) {
      this.model.erase([...this.#erased].slice(0, ERASED_MAX));
      this.#erased.clear();
      this.#erasing = false;
    }
    this.#finish();
    this.#dirty = true;
  }

  #extend(x: number, y: number): void {
    const { points, tool } = this.#stroke!.shape;
    if (tool !== "pen" && tool !== "marker") {
      points.splice(2, 2, x, y);
      return;
    }
    if (Math.hypot(x - points.at(-2)!, y - points.at(-1)!) < 1.5) return;
    points.push(x, y);
    if (points.length >= NUMBERS_MAX) {
      const next = { ...this.#stroke!.shape, points: [x, y] };
      this.#finish();
      this.#stroke = { id: newId(), shape: next, told: 0 };
    }
  }

  #finish(): void {
    const stroke = this.#stroke;
    if (!stroke) return;
    this.#stroke = null;
    this.model.draw(stroke.id, { ...stroke.shape, points: simplify(stroke.shape.points, 0.7) });
  }

  #erase(x: number, y: number): void {
    for (const { id, shape } of this.model.drawn) {
      if (!this.#erased.has(id) && touches(shape, x, y, REACH)) {
        this.#erased.add(id);
        this.#dirty = true;
      }
    }
  }

  #tell(x: number, y: number): void {
    const now = performance.now();
    if (now - this.#told < TELL_MS) return;
    this.#told = now;
    const stroke = this.#stroke;
    if (!stroke) return this.model.tell({ x, y });
    const { points, ...look } = stroke.shape;
    const from = look.tool === "pen" || look.tool === "marker" ? stroke.told : 0;
    if (points.length === from) return this.model.tell({ x, y });
    this.model.tell({ x, y, stroke: { id: stroke.id, ...look, from, points: points.slice(from) } });
    stroke.told = points.length;
  }

  #place(event: PointerEvent): [number, number] {
    const box = this.#top.canvas.getBoundingClientRect();
    const clamp = (value: number, max: number) => Math.round(Math.max(0, Math.min(max, value)));
    return [
      clamp(((event.clientX - box.left) / box.width) * WIDTH, WIDTH),
      clamp(((event.clientY - box.top) / box.height) * HEIGHT, HEIGHT),
    ];
  }

  readonly #draw = (): void => {
    this.#frame = requestAnimationFrame(this.#draw);
    if (this.#dirty) {
      this.#dirty = false;
      this.#painting.paint(this.model.drawn, this.#erased, !this.model.live);
    }
    this.#top.fit();
    this.#top.clear();
    const { context, canvas } = this.#top;
    const hands = this.model.hands.visible(performance.now());
    for (const { stroke } of hands) if (stroke) paintShape(context, stroke.shape, 0.85);
    if (this.#stroke) paintShape(context, this.#stroke.shape);
    const unit = WIDTH / Math.max(1, canvas.clientWidth);
    for (const hand of hands) paintHand(context, hand, unit);
  };
}
