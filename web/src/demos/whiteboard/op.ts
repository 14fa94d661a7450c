import type { PublicationContext } from "centrifuge";

/** The board is so large, whatever the window; shapes are in these units. */
export const WIDTH = 1600;
export const HEIGHT = 1000;

export const TOOLS = ["pen", "marker", "line", "box", "circle"] as const;
export type Tool = (typeof TOOLS)[number];

/** Colours have names, so that each theme can show them its way. */
export const COLORS = ["ink", "red", "orange", "green", "blue", "violet"] as const;
export type Color = (typeof COLORS)[number];

export interface Shape {
  readonly tool: Tool;
  readonly color: Color;
  readonly width: number;
  /** x and y in turn: all points of a stroke, or the two corners of the others. */
  readonly points: readonly number[];
}

/** What is published on the board. */
export type Op =
  | { readonly kind: "draw"; readonly shape: Shape; readonly user: string }
  | { readonly kind: "erase"; readonly ids: readonly string[]; readonly user: string }
  | { readonly kind: "clear"; readonly user: string }
  /** Takes an operation of the same user back, or puts it in force again. */
  | { readonly kind: "undo" | "redo"; readonly of: string; readonly user: string };

/** Numbers in one shape: keeps a message far below a server's usual limit of 64 KB. */
export const NUMBERS_MAX = 3000;
export const ERASED_MAX = 300;

/** Reads a publication; the user is what the server says. */
export function parseOp(publication: PublicationContext): { id: string; value: Op } | null {
  const user = publication.info?.user;
  const data = publication.data as Record<string, unknown> | null;
  if (!user || typeof data !== "object" || data === null || !isId(data["id"])) return null;
  const value = opOf(data, user);
  return value && { id: data["id"], value };
}

function opOf(data: Record<string, unknown>, user: string): Op | null {
  const { kind, ids, of } = data;
  switch (kind) {
    case "draw": {
      const shape = parseShape(data["shape"]);
      return shape && { kind, shape, user };
    }
    case "erase":
      return Array.isArray(ids) && ids.length <= ERASED_MAX && ids.every(isId)
        ? { kind, ids, user }
        : null;
    case "clear":
      return { kind, user };
    case "undo":
    case "redo":
      return isId(of) ? { kind, of, user } : null;
    default:
      return null;
  }
}

export function parseShape(data: unknown): Shape | null {
  if (typeof data !== "object" || data === null) return null;
  const { tool, color, width, points } = data as Partial<Record<keyof Shape, unknown>>;
  if (!TOOLS.includes(tool as Tool) || !COLORS.includes(color as Color)) return null;
  if (typeof width !== "number" || !(width >= 1 && width <= 60)) return null;
  if (!Array.isArray(points) || points.length < 2 || points.length > NUMBERS_MAX) return null;
  if (points.length % 2 !== 0 || !points.every((n) => Number.isFinite(n))) return null;
  return { tool: tool as Tool, color: color as Color, width, points: points as number[] };
}

function isId(id: unknown): id is string {
  return typeof id === "string" && id.length > 0 && id.length <= 64;
}
