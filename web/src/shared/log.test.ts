import { expect, test } from "vitest";
import { ChannelLog } from "./log";

const ids = (log: ChannelLog<unknown>) => log.entries.map((entry) => entry.id).join("");

test("entries stand in the channel's order, whatever order they come in", () => {
  const log = new ChannelLog<number>();
  for (const [id, offset] of [
    ["c", 3],
    ["a", 1],
    ["d", 4],
    ["b", 2],
  ] as const)
    log.insert(id, offset, 0);
  expect(ids(log)).toBe("abcd");
});

test("an id counts once, at its first place", () => {
  const log = new ChannelLog<string>();
  expect(log.insert("a", 1, "first")).not.toBeNull();
  expect(log.insert("a", 5, "again")).toBeNull();
  expect(log.entries).toEqual([{ id: "a", offset: 1, era: 0, value: "first" }]);
});

test("a history that began anew stands behind what was known before", () => {
  const log = new ChannelLog<number>();
  log.insert("a", 7, 0);
  log.startEra();
  log.insert("c", 2, 0);
  log.insert("b", 1, 0);
  expect(ids(log)).toBe("abc");
});

test("beyond the limit the oldest goes, and a still older one is not taken", () => {
  const log = new ChannelLog<number>(2);
  log.insert("b", 2, 0);
  log.insert("c", 3, 0);
  log.insert("d", 4, 0);
  expect(ids(log)).toBe("cd");
  expect(log.insert("a", 1, 0)).toBeNull();
  expect(log.has("b")).toBe(false);
  expect(ids(log)).toBe("cd");
});
