import type { PublicationContext } from "centrifuge";
import { expect, test } from "vitest";
import type { Entry } from "../../shared/log";
import { parseChat, type ChatValue } from "./message";
import { timeline } from "./timeline";
import { Typing } from "./typing";

const NOON = new Date(2026, 5, 1, 12).getTime();
let offset = 0;
const entry = (id: string, value: ChatValue): Entry<ChatValue> => ({
  id,
  offset: ++offset,
  era: 0,
  value,
});
const message = (id: string, user: string, minutes = 0) =>
  entry(id, { kind: "message", text: id, at: NOON + minutes * 60_000, user });
const reaction = (to: string, user: string, on: boolean) =>
  entry(`${to}${user}${offset}`, { kind: "reaction", to, emoji: "🎉", on, user });

test("messages of one user close together are a group", () => {
  const rows = timeline(
    [message("a", "ada"), message("b", "ada", 4), message("c", "ben", 5), message("d", "ben", 11)],
    [],
  );
  expect(rows.map((row) => row.first)).toEqual([true, false, true, true]);
});

test("a new day begins a new group", () => {
  const rows = timeline([message("a", "ada", -13 * 60), message("b", "ada", -11 * 60)], []);
  expect(rows.map((row) => row.newDay)).toEqual([true, true]);
});

test("the last word of a user about an emoji counts, once", () => {
  const rows = timeline(
    [
      message("a", "ada"),
      reaction("a", "ben", true),
      reaction("a", "ben", true),
      reaction("a", "ada", true),
      reaction("a", "ada", false),
      reaction("gone", "ada", true),
    ],
    [],
  );
  expect(rows[0]?.reactions).toEqual([{ emoji: "🎉", users: ["ben"] }]);
});

test("what waits to be sent stands at the end and says so", () => {
  const value: ChatValue = { kind: "message", text: "later", at: NOON, user: "ada" };
  const rows = timeline(
    [message("a", "ben")],
    [
      { id: "p", value },
      { id: "q", value, refused: "permission denied" },
    ],
  );
  expect(rows.map((row) => row.state)).toEqual(["sent", "pending", "refused"]);
  expect(rows[2]?.refused).toBe("permission denied");
});

test("publications that are no chat are passed over", () => {
  const parse = (data: unknown, user = "ada") =>
    parseChat({ data, info: { user, client: "1" } } as PublicationContext);
  expect(parse({ id: "1", kind: "message", text: "hi", at: 5 })?.value).toMatchObject({
    text: "hi",
    user: "ada",
  });
  expect(parse({ id: "1", kind: "message", text: "hi", at: 5, user: "eve" })?.value).toMatchObject({
    user: "ada",
  });
  for (const data of [
    null,
    7,
    "x",
    {},
    { id: "1", kind: "message" },
    { id: "", kind: "message", text: "", at: 1 },
  ]) {
    expect(parse(data)).toBeNull();
  }
  expect(parse({ id: "1", kind: "reaction", to: "0", emoji: "<b>", on: true })).toBeNull();
});

test("typing lasts a little, and is told now and then", () => {
  const typing = new Typing();
  typing.heard("ada", 0);
  expect(typing.users(3499)).toEqual(["ada"]);
  expect(typing.users(3500)).toEqual([]);
  typing.heard("ada", 4000);
  typing.finished("ada");
  expect(typing.users(4000)).toEqual([]);
  expect([0, 1999, 2000, 2001].map((now) => typing.shouldTell(now))).toEqual([
    true,
    false,
    true,
    false,
  ]);
  typing.sent();
  expect(typing.shouldTell(2002)).toBe(true);
});
