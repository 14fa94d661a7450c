import { expect, test } from "vitest";
import { Roster } from "./roster";

const users = (roster: Roster) => roster.members.map(({ user }) => user).join(" ");

test("a user with two tabs is one member until both are gone", () => {
  const roster = new Roster();
  roster.join("1", "ada");
  roster.join("2", "ada");
  roster.join("3", "ben");
  expect(roster.members.map(({ user, clients }) => [user, clients.size])).toEqual([
    ["ada", 2],
    ["ben", 1],
  ]);
  roster.leave("1");
  expect(users(roster)).toBe("ada ben");
  roster.leave("2");
  expect(users(roster)).toBe("ben");
});

test("joins and leaves while the full list is on its way win over the list", async () => {
  const roster = new Roster();
  roster.join("0", "old");
  let answer: (list: [string, string][]) => void = () => {};
  const replaced = roster.replace(() => new Promise((resolve) => (answer = resolve)));
  roster.leave("1");
  roster.join("2", "new");
  answer([
    ["1", "gone"],
    ["3", "there"],
  ]);
  await replaced;
  expect(users(roster)).toBe("new there");
});

test("a list that cannot be had leaves the old one", async () => {
  const roster = new Roster();
  roster.join("1", "ada");
  await roster.replace(() => Promise.reject(new Error("timeout")));
  expect(users(roster)).toBe("ada");
});
