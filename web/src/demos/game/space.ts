import { HEIGHT, WIDTH } from "./wire";

/** The arena is round in both directions: who leaves on the right comes in on the left. */
export function wrap(value: number, size: number): number {
  const rest = value % size;
  return rest < 0 ? rest + size : rest;
}

/** The short way from one coordinate to another. */
export function way(from: number, to: number, size: number): number {
  const there = wrap(to - from, size);
  return there > size / 2 ? there - size : there;
}

export function distance(a: { x: number; y: number }, b: { x: number; y: number }): number {
  return Math.hypot(way(a.x, b.x, WIDTH), way(a.y, b.y, HEIGHT));
}

export interface Body {
  x: number;
  y: number;
  vx: number;
  vy: number;
  angle: number;
}

/** What a pilot wants. */
export interface Controls {
  /** -1 is left, 1 is right. */
  turn: number;
  thrust: boolean;
  fire: boolean;
  /** Fly towards this place, for fingers and mice. */
  goal: { x: number; y: number } | null;
}

const TURN_PER_S = 4.2;
const THRUST = 620;
/** What is left of the speed after a second without thrust. */
const DRAG = 0.42;

/** Moves a ship by `dt` seconds. */
export function fly(ship: Body, controls: Controls, dt: number): void {
  let { turn, thrust } = controls;
  if (controls.goal) {
    const [dx, dy] = [way(ship.x, controls.goal.x, WIDTH), way(ship.y, controls.goal.y, HEIGHT)];
    const off = Math.atan2(
      Math.sin(Math.atan2(dy, dx) - ship.angle),
      Math.cos(Math.atan2(dy, dx) - ship.angle),
    );
    turn = Math.max(-1, Math.min(1, off * 3));
    thrust = Math.hypot(dx, dy) > 40 && Math.abs(off) < 1;
  }
  ship.angle = wrap(ship.angle + turn * TURN_PER_S * dt, 2 * Math.PI);
  if (thrust) {
    ship.vx += Math.cos(ship.angle) * THRUST * dt;
    ship.vy += Math.sin(ship.angle) * THRUST * dt;
  }
  const drag = DRAG ** dt;
  ship.vx *= drag;
  ship.vy *= drag;
  drift(ship, dt);
}

export function drift(body: Body, dt: number): void {
  body.x = wrap(body.x + body.vx * dt, WIDTH);
  body.y = wrap(body.y + body.vy * dt, HEIGHT);
}
