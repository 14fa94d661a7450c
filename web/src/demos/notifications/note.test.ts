import type { PublicationContext } from "centrifuge";
import { expect, test } from "vitest";
import { parseNote, ReadMarks, TITLE_MAX } from "./note";

const parse = (data: unknown) => parseNote({ data } as PublicationContext);

test("a notification needs an id and a title", () => {
  expect(parse({ id: "1", title: "Hi", text: "there", from: "ada", at: 5 })).toEqual({
    id: "1",
    value: { title: "Hi", text: "there", from: "ada", at: 5 },
  });
  expect(parse({ id: "1", title: "x".repeat(200) })?.value.title).toHaveLength(TITLE_MAX);
  for (const data of [null, 3, {}, { id: "1" }, { title: "Hi" }, { id: 1, title: "Hi" }]) {
    expect(parse(data)).toBeNull();
  }
});

test("marks of two tabs add up", () => {
  const kept = new Map<string, string>();
  const storage = {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => void kept.set(key, value),
  };
  const [one, two] = [new ReadMarks("k", storage), new ReadMarks("k", storage)];
  one.add(["a"]);
  two.add(["b"]);
  one.reload();
  expect([one.has("a"), one.has("b"), one.has("c")]).toEqual([true, true, false]);
  one.add(Array.from({ length: 400 }, (_, i) => String(i)));
  expect(JSON.parse(kept.get("k")!)).toHaveLength(ReadMarks.LIMIT);
});
