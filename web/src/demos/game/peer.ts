import { way, wrap, type Body } from "./space";
import { HEIGHT, WIDTH, type State } from "./wire";

/** Others are shown as they were so long ago, so that there are two states to go between. */
export const BEHIND_MS = 100;
/** After the last state a ship flies on for so long, then stands. */
const GUESS_MS = 250;
/** Silent for so long: fades. */
const SILENT_MS = 1200;
/** Silent for so long: gone. */
export const GONE_MS = 8000;

/** Somebody else's ship, from the states that came. */
export class Peer {
  #states: { at: number; state: State }[] = [];

  constructor(readonly user: string) {}

  get latest(): State | null {
    return this.#states.at(-1)?.state ?? null;
  }

  heard(state: State, now: number): void {
    const latest = this.latest;
    // 16 bits go round about once an hour; what lies less than half a round behind is old.
    if (
      latest &&
      (latest.seq - state.seq + 65_536) % 65_536 < 32_768 &&
      state.player === latest.player
    )
      return;
    this.#states.push({ at: now, state });
    if (this.#states.length > 20) this.#states.shift();
  }

  /** 1 while states come in, falling to 0 when they stop. */
  presence(now: number): number {
    const silent = now - (this.#states.at(-1)?.at ?? -Infinity);
    if (this.latest?.away) return silent < GONE_MS ? 0.45 : 0;
    return silent < SILENT_MS
      ? 1
      : Math.max(0, 1 - (silent - SILENT_MS) / (GONE_MS - SILENT_MS)) * 0.6;
  }

  /** Where to draw it. */
  pose(now: number): Body | null {
    const time = now - BEHIND_MS;
    const after = this.#states.findIndex(({ at }) => at > time);
    const before = this.#states[after < 0 ? this.#states.length - 1 : after - 1];
    if (!before) return this.#states[0] ? { ...bodyOf(this.#states[0].state) } : null;
    const next = after < 0 ? undefined : this.#states[after];
    if (next) return between(before.state, next.state, (time - before.at) / (next.at - before.at));
    const body = bodyOf(before.state);
    const ahead = Math.min(time - before.at, GUESS_MS) / 1000;
    return {
      ...body,
      x: wrap(body.x + body.vx * ahead, WIDTH),
      y: wrap(body.y + body.vy * ahead, HEIGHT),
    };
  }
}

function bodyOf({ x, y, vx, vy, angle }: State): Body {
  return { x, y, vx, vy, angle };
}

/** A part of the way from one state to another, the short way round. */
export function between(a: State, b: State, part: number): Body {
  const [dx, dy] = [way(a.x, b.x, WIDTH), way(a.y, b.y, HEIGHT)];
  // A new life begins elsewhere: nobody flies there.
  if (Math.hypot(dx, dy) > 260) return bodyOf(b);
  return {
    x: wrap(a.x + dx * part, WIDTH),
    y: wrap(a.y + dy * part, HEIGHT),
    vx: a.vx + (b.vx - a.vx) * part,
    vy: a.vy + (b.vy - a.vy) * part,
    angle: wrap(a.angle + way(a.angle, b.angle, 2 * Math.PI) * part, 2 * Math.PI),
  };
}
