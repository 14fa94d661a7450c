import { expect, test } from "vitest";
import { Outbox, type Pending } from "./outbox";

interface Text {
  text: string;
}

/** An outbox whose server answers as `answers` says, one after the other. */
function outbox(answers: ("ok" | "lost" | "refused")[], storage?: Map<string, string>) {
  const sent: string[] = [];
  const box = new Outbox<Text>(
    "key",
    async (entry: Pending<Text>) => {
      sent.push(entry.id);
      const answer = answers.shift() ?? "ok";
      if (answer !== "ok") throw new Error(answer);
    },
    (error) => ({ final: (error as Error).message === "refused", reason: "no permission" }),
    () => {},
    storage
      ? {
          getItem: (key) => storage.get(key) ?? null,
          setItem: (key, value) => void storage.set(key, value),
        }
      : null,
  );
  return { box, sent };
}

const add = (box: Outbox<Text>, ...ids: string[]) => {
  for (const id of ids) box.add({ id, value: { text: id } });
};

test("entries go out in order and leave when they are acknowledged", async () => {
  const { box, sent } = outbox([]);
  add(box, "a", "b", "c");
  expect(await box.flush()).toBe(true);
  expect(sent).toEqual(["a", "b", "c"]);
  expect(box.pending).toEqual([]);
});

test("a lost answer stops the rest, which is repeated from there", async () => {
  const { box, sent } = outbox(["ok", "lost"]);
  add(box, "a", "b", "c");
  expect(await box.flush()).toBe(false);
  expect(box.pending.map((it) => it.id)).toEqual(["b", "c"]);
  await box.flush();
  expect(sent).toEqual(["a", "b", "b", "c"]);
});

test("what the channel brought back is not repeated", async () => {
  const { box, sent } = outbox(["lost"]);
  add(box, "a", "b");
  await box.flush();
  box.confirm("a");
  await box.flush();
  expect(sent).toEqual(["a", "b"]);
});

test("a refused entry stays with its reason and does not hold up the others", async () => {
  const { box, sent } = outbox(["refused"]);
  add(box, "a", "b");
  expect(await box.flush()).toBe(true);
  expect(box.pending).toEqual([{ id: "a", value: { text: "a" }, refused: "no permission" }]);
  box.retry("a");
  await box.flush();
  expect(sent).toEqual(["a", "b", "a"]);
  expect(box.pending).toEqual([]);
});

test("a second flush while one runs sends nothing twice", async () => {
  const { box, sent } = outbox([]);
  add(box, "a", "b");
  await Promise.all([box.flush(), box.flush()]);
  expect(sent).toEqual(["a", "b"]);
});

test("a reload of the page keeps what waits", async () => {
  const storage = new Map<string, string>();
  add(outbox([], storage).box, "a", "b");
  const { box, sent } = outbox([], storage);
  await box.flush();
  expect(sent).toEqual(["a", "b"]);
  expect(outbox([], storage).box.pending).toEqual([]);
});

test("a copy that makes no sense is dropped", () => {
  expect(outbox([], new Map([["key", "{"]])).box.pending).toEqual([]);
  expect(outbox([], new Map([["key", '{"a":1}']])).box.pending).toEqual([]);
});

test("1000 entries wait, one more is refused", () => {
  const { box } = outbox([]);
  for (let i = 0; i < Outbox.LIMIT; i++) {
    expect(box.add({ id: String(i), value: { text: "" } })).toBe(true);
  }
  expect(box.add({ id: "more", value: { text: "" } })).toBe(false);
});
