/**
 * The messages of the game, as bytes. Positions are 16 bits across the arena, angles 16 bits around
 * the circle: a state has 27 bytes, twenty times a second.
 */

export const WIDTH = 1600;
export const HEIGHT = 1000;
/** Stars that are in the arena at once. */
export const STARS = 3;

export interface State {
  readonly kind: "state";
  readonly player: number;
  readonly seq: number;
  readonly x: number;
  readonly y: number;
  readonly vx: number;
  readonly vy: number;
  readonly angle: number;
  readonly thrust: boolean;
  readonly shield: boolean;
  readonly dead: boolean;
  /** The tab is hidden, and nobody flies. */
  readonly away: boolean;
  readonly score: number;
  /** How often each star has been taken. */
  readonly stars: readonly number[];
}

export interface Shot {
  readonly kind: "shot";
  readonly player: number;
  readonly x: number;
  readonly y: number;
  readonly angle: number;
}

/** "I was first at this star." The channel's order tells whether that is so. */
export interface Claim {
  readonly kind: "claim";
  readonly player: number;
  readonly star: number;
  readonly count: number;
}

/** "I was hit." Said by the one who was. */
export interface Hit {
  readonly kind: "hit";
  readonly player: number;
  readonly by: number;
  readonly x: number;
  readonly y: number;
}

export type Message = State | Shot | Claim | Hit;

const VERSION = 1;
const KINDS = ["state", "shot", "claim", "hit"] as const;
const BYTES = { state: 21 + 2 * STARS, shot: 12, claim: 9, hit: 14 };
const TURN = 2 * Math.PI;

export function encode(message: Message): Uint8Array {
  const bytes = new Uint8Array(BYTES[message.kind]);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, VERSION);
  view.setUint8(1, KINDS.indexOf(message.kind));
  view.setUint32(2, message.player);
  switch (message.kind) {
    case "state": {
      const { thrust, shield, dead, away } = message;
      view.setUint16(6, message.seq);
      putPlace(view, 8, message);
      view.setInt16(12, message.vx * 16);
      view.setInt16(14, message.vy * 16);
      putAngle(view, 16, message.angle);
      view.setUint8(18, +thrust | (+shield << 1) | (+dead << 2) | (+away << 3));
      view.setUint16(19, message.score);
      message.stars.forEach((count, i) => view.setUint16(21 + 2 * i, count));
      break;
    }
    case "shot":
      putPlace(view, 6, message);
      putAngle(view, 10, message.angle);
      break;
    case "claim":
      view.setUint8(6, message.star);
      view.setUint16(7, message.count);
      break;
    case "hit":
      view.setUint32(6, message.by);
      putPlace(view, 10, message);
      break;
  }
  return bytes;
}

/** Reads a message; `null` if the bytes are not one of this version. */
export function decode(bytes: Uint8Array): Message | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 6 || view.getUint8(0) !== VERSION) return null;
  const kind = KINDS[view.getUint8(1)];
  if (!kind || bytes.length !== BYTES[kind]) return null;
  const player = view.getUint32(2);
  switch (kind) {
    case "state": {
      const flags = view.getUint8(18);
      return {
        kind,
        player,
        seq: view.getUint16(6),
        ...place(view, 8),
        vx: view.getInt16(12) / 16,
        vy: view.getInt16(14) / 16,
        angle: angle(view, 16),
        thrust: (flags & 1) !== 0,
        shield: (flags & 2) !== 0,
        dead: (flags & 4) !== 0,
        away: (flags & 8) !== 0,
        score: view.getUint16(19),
        stars: Array.from({ length: STARS }, (_, i) => view.getUint16(21 + 2 * i)),
      };
    }
    case "shot":
      return { kind, player, ...place(view, 6), angle: angle(view, 10) };
    case "claim": {
      const star = view.getUint8(6);
      return star < STARS ? { kind, player, star, count: view.getUint16(7) } : null;
    }
    case "hit":
      return { kind, player, by: view.getUint32(6), ...place(view, 10) };
  }
}

function putPlace(view: DataView, at: number, { x, y }: { x: number; y: number }): void {
  view.setUint16(at, Math.floor((x / WIDTH) * 65_536));
  view.setUint16(at + 2, Math.floor((y / HEIGHT) * 65_536));
}

function place(view: DataView, at: number): { x: number; y: number } {
  return {
    x: (view.getUint16(at) / 65_536) * WIDTH,
    y: (view.getUint16(at + 2) / 65_536) * HEIGHT,
  };
}

function putAngle(view: DataView, at: number, angle: number): void {
  view.setUint16(at, Math.round((angle / TURN) * 65_536) & 0xffff);
}

function angle(view: DataView, at: number): number {
  return (view.getUint16(at) / 65_536) * TURN;
}
