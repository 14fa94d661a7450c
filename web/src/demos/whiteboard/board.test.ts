import type { PublicationContext } from "centrifuge";
import { expect, test } from "vitest";
import type { Entry } from "../../shared/log";
import { Steps, visible } from "./board";
import { outline, simplify, touches } from "./geometry";
import { NUMBERS_MAX, parseOp, type Op, type Shape } from "./op";

const shape: Shape = { tool: "pen", color: "ink", width: 4, points: [0, 0, 10, 0] };
const draw = (user = "ada"): Op => ({ kind: "draw", shape, user });

/** What is seen after operations with the ids a, b, c, … */
function seen(...ops: Op[]): string {
  const entries: Entry<Op>[] = ops.map((value, i) => ({
    id: String.fromCharCode(97 + i),
    offset: i + 1,
    era: 0,
    value,
  }));
  return visible(entries, [])
    .map(({ id }) => id)
    .join("");
}

test("shapes lie on each other in the channel's order", () => {
  expect(seen(draw(), draw(), draw())).toBe("abc");
});

test("erasing takes away what was there, also other people's", () => {
  expect(
    seen(draw("ada"), draw("ben"), { kind: "erase", ids: ["a", "unknown"], user: "ben" }),
  ).toBe("b");
});

test("clearing takes away what stands before it", () => {
  expect(seen(draw(), draw(), { kind: "clear", user: "ben" }, draw())).toBe("d");
});

test("what is taken back is as if it had never been", () => {
  expect(seen(draw(), draw(), { kind: "undo", of: "a", user: "ada" })).toBe("b");
  expect(seen(draw(), { kind: "clear", user: "ada" }, { kind: "undo", of: "b", user: "ada" })).toBe(
    "a",
  );
  expect(
    seen(
      draw(),
      draw(),
      { kind: "erase", ids: ["a"], user: "ben" },
      { kind: "undo", of: "c", user: "ben" },
      { kind: "redo", of: "c", user: "ben" },
    ),
  ).toBe("b");
});

test("nobody takes back what others did", () => {
  expect(seen(draw("ada"), { kind: "undo", of: "a", user: "ben" })).toBe("a");
});

test("what waits lies on top and says so; what was refused does not show", () => {
  const entries: Entry<Op>[] = [{ id: "a", offset: 1, era: 0, value: draw() }];
  const drawn = visible(entries, [
    { id: "p", value: draw() },
    { id: "q", value: draw(), refused: "permission denied" },
  ]);
  expect(drawn.map(({ id, pending }) => [id, pending])).toEqual([
    ["a", false],
    ["p", true],
  ]);
});

test("steps go back and forth, and a new one ends the forth", () => {
  const steps = new Steps();
  steps.did("a");
  steps.did("b");
  expect([steps.undo(), steps.undo(), steps.undo()]).toEqual(["b", "a", null]);
  expect([steps.redo(), steps.canRedo]).toEqual(["a", true]);
  steps.did("c");
  expect([steps.redo(), steps.undo()]).toEqual([null, "c"]);
});

test("a straight line needs two points, a corner three", () => {
  expect(simplify([0, 0, 1, 0, 2, 0, 9, 0], 0.5)).toEqual([0, 0, 9, 0]);
  expect(simplify([0, 0, 5, 0, 10, 0, 10, 5, 10, 10], 0.5)).toEqual([0, 0, 10, 0, 10, 10]);
  expect(simplify([3, 4], 1)).toEqual([3, 4]);
});

test("the eraser touches lines, not the inside of a box", () => {
  expect(touches(shape, 5, 5, 3)).toBe(true);
  expect(touches(shape, 5, 5.1, 3)).toBe(false);
  const box: Shape = { ...shape, tool: "box", points: [0, 0, 100, 100] };
  expect(touches(box, 50, 50, 10)).toBe(false);
  expect(touches(box, 50, 98, 10)).toBe(true);
  expect(outline(box)).toHaveLength(10);
  expect(touches({ ...shape, points: [7, 7] }, 8, 8, 1)).toBe(true);
});

test("publications that are no operation are passed over", () => {
  const parse = (data: unknown) =>
    parseOp({ data, info: { user: "ada", client: "1" } } as PublicationContext);
  expect(parse({ id: "1", kind: "draw", shape })?.value).toEqual(draw());
  for (const wrong of [
    { points: [1] },
    { points: [1, 2, 3] },
    { points: [1, null] },
    { points: Array(NUMBERS_MAX + 2).fill(1) },
    { tool: "laser" },
    { color: "#fff" },
    { width: 0 },
    { width: NaN },
  ]) {
    expect(parse({ id: "1", kind: "draw", shape: { ...shape, ...wrong } })).toBeNull();
  }
  for (const data of [
    null,
    5,
    {},
    { id: "1" },
    { id: "1", kind: "erase", ids: [5] },
    { id: "1", kind: "undo" },
  ]) {
    expect(parse(data)).toBeNull();
  }
});
