import { expect, test } from "vitest";
import { Arena } from "./arena";
import { between, Peer } from "./peer";
import { distance, fly, way, wrap, type Controls } from "./space";
import { Stars } from "./stars";
import { decode, encode, HEIGHT, WIDTH, type Message, type State } from "./wire";

const still: Controls = { turn: 0, thrust: false, fire: false, goal: null };
const state = (more: Partial<State> = {}): State => ({
  kind: "state",
  player: 7,
  seq: 1,
  x: 800,
  y: 500,
  vx: 100,
  vy: -50,
  angle: 1,
  thrust: true,
  shield: false,
  dead: false,
  away: true,
  score: 12,
  stars: [1, 2, 3],
  ...more,
});

test("each message comes out of its bytes as it went in", () => {
  const messages: Message[] = [
    state(),
    { kind: "shot", player: 4_294_967_295, x: 0, y: 999.5, angle: 6 },
    { kind: "claim", player: 1, star: 2, count: 65_535 },
    { kind: "hit", player: 1, by: 2, x: 1599.9, y: 3 },
  ];
  for (const message of messages) {
    const back = decode(encode(message));
    for (const [key, value] of Object.entries(message)) {
      const got = (back as unknown as Record<string, unknown>)[key];
      if (typeof value === "number") expect(got).toBeCloseTo(value, 0.5);
      else expect(got).toEqual(value);
    }
  }
  expect(encode(state())).toHaveLength(27);
});

test("bytes that are no message are passed over", () => {
  const bytes = encode(state());
  expect(decode(new Uint8Array())).toBeNull();
  for (let length = 0; length < bytes.length; length++)
    expect(decode(bytes.slice(0, length))).toBeNull();
  expect(decode(new Uint8Array([...bytes, 0]))).toBeNull();
  expect(decode(new Uint8Array([2, ...bytes.slice(1)]))).toBeNull();
  expect(decode(new Uint8Array([1, 9, ...bytes.slice(2)]))).toBeNull();
  expect(decode(encode({ kind: "claim", player: 1, star: 3, count: 0 }))).toBeNull();
});

test("the way goes round the edge where that is shorter", () => {
  expect([wrap(-5, 100), wrap(105, 100), way(95, 5, 100), way(5, 95, 100)]).toEqual([
    95, 5, 10, -10,
  ]);
  expect(distance({ x: 1, y: 1 }, { x: WIDTH - 1, y: HEIGHT - 1 })).toBeCloseTo(Math.hypot(2, 2));
});

test("a ship flies where it points, and towards a goal", () => {
  const ship = { x: 0, y: 0, vx: 0, vy: 0, angle: 0 };
  fly(ship, { ...still, thrust: true }, 0.1);
  expect(ship.vx).toBeGreaterThan(0);
  expect(ship.vy).toBe(0);
  const goal = { x: 400, y: 700 };
  for (let i = 0; i < 600; i++) fly(ship, { ...still, goal }, 1 / 60);
  expect(distance(ship, goal)).toBeLessThan(250);
});

test("of two claims the first in the channel's order wins, on all pages", () => {
  const stars = new Stars();
  const before = stars.place(1);
  expect(stars.take(1, 0)).toBe(true);
  expect(stars.take(1, 0)).toBe(false);
  expect(stars.counts).toEqual([0, 1, 0]);
  expect(stars.place(1)).not.toEqual(before);
  expect(stars.place(1)).toEqual(new Stars([0, 1, 0]).place(1));
});

test("who comes later learns the counts, and old news change nothing", () => {
  const stars = new Stars();
  stars.learn([5, 0, 65_535]);
  stars.learn([3, 0, 0]);
  expect(stars.counts).toEqual([5, 0, 0]);
  expect(stars.take(0, 4)).toBe(false);
  expect(stars.take(0, 9)).toBe(true);
});

test("a peer is shown between its states, then flies on a little, then fades", () => {
  const peer = new Peer("ada");
  expect(peer.pose(0)).toBeNull();
  peer.heard(state({ seq: 1, x: 100, vx: 1000, vy: 0 }), 0);
  peer.heard(state({ seq: 2, x: 150, vx: 1000, vy: 0 }), 50);
  expect(peer.pose(125)?.x).toBeCloseTo(125);
  expect(peer.pose(250)?.x).toBeCloseTo(250);
  expect(peer.pose(5000)?.x).toBeCloseTo(400);
  expect(peer.presence(1000)).toBe(0.45);
  peer.heard(state({ seq: 3, away: false }), 100);
  expect([peer.presence(1000), peer.presence(20_000)]).toEqual([1, 0]);
  expect(peer.presence(4000)).toBeLessThan(0.6);
});

test("states that were overtaken are not taken", () => {
  const peer = new Peer("ada");
  peer.heard(state({ seq: 65_535, score: 1 }), 0);
  peer.heard(state({ seq: 3, score: 2 }), 50);
  peer.heard(state({ seq: 2, score: 3 }), 60);
  expect(peer.latest?.score).toBe(2);
});

test("a new life does not fly across the arena", () => {
  const [a, b] = [state({ x: 100, y: 100 }), state({ x: 900, y: 600 })];
  expect(between(a, b, 0.5)).toMatchObject({ x: 900, y: 600 });
  expect(between(state({ x: 1590 }), state({ x: 10 }), 0.5).x).toBeCloseTo(0);
});

/** Two pages that hear each other through a channel with one order. */
function pages() {
  const ada = new Arena(1, "ada", 0, () => 0.1);
  const ben = new Arena(2, "ben", 0, () => 0.9);
  const channel = (messages: Message[], client: string, now: number) => {
    for (const message of messages) {
      const wire = decode(encode(message))!;
      for (const arena of [ada, ben]) arena.heard(wire, client, client, now);
    }
  };
  return { ada, ben, channel };
}

test("both pages agree who took a star when both claim it", () => {
  const { ada, ben, channel } = pages();
  Object.assign(ada.ship, ada.stars.place(0));
  Object.assign(ben.ship, ben.stars.place(0));
  const [first, second] = [ada.step(still, 0, 0), ben.step(still, 0, 0)];
  expect([first[0]?.kind, second[0]?.kind]).toEqual(["claim", "claim"]);
  channel(second, "ben", 10);
  channel(first, "ada", 10);
  expect([ada.score, ben.score]).toEqual([0, 1]);
  expect(ada.stars.counts).toEqual(ben.stars.counts);
});

test("a claim whose echo never came is said again", () => {
  const { ada } = pages();
  Object.assign(ada.ship, ada.stars.place(0));
  const claims = [0, 100, 601, 700].map((now) => ada.step(still, 0, now).length);
  expect(claims).toEqual([1, 0, 1, 0]);
});

test("a bolt hits who has no shield, who then says so, and the shooter scores", () => {
  const { ada, ben, channel } = pages();
  Object.assign(ada.ship, { x: 300, y: 500, angle: 0 });
  Object.assign(ben.ship, { x: 340, y: 500 });
  channel(ada.step({ ...still, fire: true }, 0, 0), "ada", 0);
  expect(ben.step(still, 0.05, 50)).toEqual([]);
  channel(ada.step({ ...still, fire: true }, 0, 3000), "ada", 3000);
  const said = ben.step(still, 0.05, 3050);
  expect(said[0]).toMatchObject({ kind: "hit", by: 1 });
  channel(said, "ben", 3060);
  expect([ada.score, ben.score]).toEqual([3, 0]);
  expect([ben.isDead(3100), ben.isDead(4500), ben.isShielded(4500)]).toEqual([true, false, true]);
});

test("no page is flooded with bolts", () => {
  const { ada } = pages();
  for (let i = 0; i < 100; i++)
    ada.heard({ kind: "shot", player: 9, x: 0, y: 0, angle: 0 }, "c", "u", 0);
  expect(ada.bolts.length).toBeLessThan(6);
});
