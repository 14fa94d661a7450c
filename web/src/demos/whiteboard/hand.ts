import { COLORS, HEIGHT, NUMBERS_MAX, TOOLS, WIDTH, type Color, type Shape, type Tool } from "./op";

/** Where somebody's pointer is, and the stroke that it is drawing, told as it grows. */
export interface HandSignal {
  readonly x: number;
  readonly y: number;
  readonly stroke?: {
    readonly id: string;
    readonly tool: Tool;
    readonly color: Color;
    readonly width: number;
    /** How many numbers came before `points`. */
    readonly from: number;
    readonly points: readonly number[];
  };
}

/** Somebody else's pointer. */
export interface Hand {
  readonly user: string;
  x: number;
  y: number;
  movedAt: number;
  stroke: { readonly id: string; shape: Shape } | null;
}

/** Pointers of others, by connection. */
export class Hands {
  /** A pointer that rests is hidden after so long; an unfinished stroke with it. */
  static readonly LASTS_MS = 8000;

  readonly #hands = new Map<string, Hand>();

  heard(client: string, user: string, signal: HandSignal, now: number): void {
    const hand = this.#hands.get(client) ?? { user, x: 0, y: 0, movedAt: now, stroke: null };
    this.#hands.set(client, hand);
    [hand.x, hand.y, hand.movedAt] = [signal.x, signal.y, now];
    const part = signal.stroke;
    if (!part) return;
    const known = hand.stroke?.id === part.id ? hand.stroke.shape.points : [];
    const { id, tool, color, width } = part;
    // After a gap, what comes is joined to what is there: the whole shape follows when it is done.
    const points = [...known.slice(0, part.from), ...part.points].slice(0, NUMBERS_MAX);
    hand.stroke = { id, shape: { tool, color, width, points } };
  }

  /** The shape has arrived as part of the board. */
  drew(id: string): void {
    for (const hand of this.#hands.values()) if (hand.stroke?.id === id) hand.stroke = null;
  }

  visible(now: number): Hand[] {
    for (const [client, hand] of this.#hands) {
      if (now - hand.movedAt > Hands.LASTS_MS) this.#hands.delete(client);
    }
    return [...this.#hands.values()];
  }
}

export function parseHand(data: unknown): HandSignal | null {
  if (typeof data !== "object" || data === null) return null;
  const { x, y, stroke } = data as Record<string, unknown>;
  if (typeof x !== "number" || typeof y !== "number" || !Number.isFinite(x + y)) return null;
  const place = { x: Math.max(0, Math.min(WIDTH, x)), y: Math.max(0, Math.min(HEIGHT, y)) };
  if (typeof stroke !== "object" || stroke === null) return place;
  const { id, tool, color, width, from, points } = stroke as Record<string, unknown>;
  const fits =
    typeof id === "string" &&
    TOOLS.includes(tool as Tool) &&
    COLORS.includes(color as Color) &&
    typeof width === "number" &&
    width >= 1 &&
    width <= 60 &&
    Number.isSafeInteger(from) &&
    (from as number) >= 0 &&
    Array.isArray(points) &&
    points.length >= 2 &&
    points.length <= NUMBERS_MAX &&
    points.length % 2 === 0 &&
    points.every((n) => Number.isFinite(n));
  return fits ? ({ ...place, stroke } as HandSignal) : place;
}
