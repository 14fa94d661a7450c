import { EventEmitter } from "node:events";
import type { HistoryOptions, PublicationContext, SubscribedContext } from "centrifuge";
import { beforeEach, expect, test } from "vitest";
import { judge, Stream, type Source } from "./stream";

/** A channel with history as a server keeps it, and the SDK's side of a subscription to it. */
class Channel extends EventEmitter {
  state = "unsubscribed";
  epoch = "first";
  stored: PublicationContext[] = [];
  /** The next publish reaches the server, but its answer does not come back. */
  loseAnswer = false;
  #seen = 0;
  #was = false;

  async publish(data: unknown): Promise<object> {
    if (this.state !== "subscribed") throw { code: 2, message: "transport closed" };
    this.arrive(data as Data, !this.loseAnswer);
    if (this.loseAnswer) {
      this.loseAnswer = false;
      this.state = "subscribing";
      throw { code: 11, message: "connection closed" };
    }
    return {};
  }

  async history({ limit = 0, since }: HistoryOptions) {
    if (this.state !== "subscribed") throw { code: 2, message: "transport closed" };
    const after = this.stored.filter((it) => it.offset! > (since?.offset ?? 0));
    return { publications: after.slice(0, limit), epoch: this.epoch, offset: this.stored.length };
  }

  /** Somebody published. */
  arrive(data: Data, heard = this.state === "subscribed"): void {
    const publication = {
      data,
      offset: this.stored.length + 1,
      channel: "c",
    } as PublicationContext;
    this.stored.push(publication);
    if (!heard) return;
    this.#seen = publication.offset!;
    this.emit("publication", publication);
  }

  subscribe(recover = true): void {
    const recovered = this.#was && recover;
    this.state = "subscribed";
    this.emit("subscribed", {
      wasRecovering: this.#was,
      recovered,
      streamPosition: { offset: this.stored.length, epoch: this.epoch },
    } as SubscribedContext);
    if (recovered) {
      for (const it of this.stored.filter(({ offset }) => offset! > this.#seen)) {
        this.emit("publication", it);
      }
    }
    this.#seen = this.stored.length;
    this.#was = true;
  }

  lose(): void {
    this.state = "subscribing";
  }
}

interface Data {
  id: string;
}

let channel: Channel;
let stream: Stream<object>;
let told: string[];

beforeEach(() => {
  channel = new Channel();
  told = [];
  stream = new Stream<object>(
    channel as unknown as Source,
    ({ data }) => ({ id: (data as Data).id, value: {} }),
    {
      entry: ({ id }, live) => told.push(`${live ? "live" : "old"} ${id}`),
      recovered: (missed) => told.push(`recovered ${missed}`),
      reloaded: () => told.push("reloaded"),
    },
    { key: "k" },
  );
});

const settled = () => new Promise((resolve) => setTimeout(resolve));
const ids = () => stream.log.entries.map(({ id }) => id).join("");

test("the first subscription reads all pages of the history", async () => {
  for (let i = 0; i < 650; i++) channel.arrive({ id: `${i},` });
  channel.subscribe();
  await settled();
  expect(stream.log.entries.length).toBe(650);
  expect(stream.whole).toBe(true);
  channel.arrive({ id: "x" });
  expect(told.at(-1)).toBe("live x");
});

test("recovery brings what was missed, and history is not read again", async () => {
  channel.subscribe();
  await settled();
  channel.arrive({ id: "a" });
  channel.lose();
  channel.arrive({ id: "b" });
  channel.arrive({ id: "c" });
  channel.history = () => Promise.reject(new Error("not to be called"));
  channel.subscribe();
  await settled();
  expect(ids()).toBe("abc");
  expect(told).toEqual(["live a", "old b", "old c", "recovered 2"]);
});

test("where recovery fails, the history fills the gap", async () => {
  channel.subscribe();
  await settled();
  channel.arrive({ id: "a" });
  channel.lose();
  channel.arrive({ id: "b" });
  channel.subscribe(false);
  await settled();
  expect(ids()).toBe("ab");
  expect(told).toEqual(["live a", "old b", "reloaded"]);
});

test("a server that forgot its history does not make the page forget", async () => {
  channel.subscribe();
  await settled();
  channel.arrive({ id: "a" });
  channel.lose();
  channel.epoch = "second";
  channel.stored = [];
  channel.arrive({ id: "b" });
  channel.subscribe(false);
  await settled();
  expect(ids()).toBe("ab");
  expect(told.at(-1)).toBe("reloaded");
});

test("what was published without a connection goes out once it is back", async () => {
  channel.subscribe();
  await settled();
  channel.lose();
  stream.publish("a", {});
  stream.publish("b", {});
  expect(stream.outbox.pending.length).toBe(2);
  channel.subscribe();
  await settled();
  expect(stream.outbox.pending.length).toBe(0);
  expect(channel.stored.map(({ data }) => (data as Data).id)).toEqual(["a", "b"]);
  expect(ids()).toBe("ab");
});

test("an entry whose answer was lost is stored once", async () => {
  channel.subscribe();
  await settled();
  channel.loseAnswer = true;
  stream.publish("a", {});
  await settled();
  expect(stream.outbox.pending.length).toBe(1);
  channel.subscribe();
  await settled();
  expect(channel.stored.length).toBe(1);
  expect(stream.outbox.pending.length).toBe(0);
  expect(ids()).toBe("a");
});

test("a connection lost while history is read reads it again with the next", async () => {
  for (let i = 0; i < 650; i++) channel.arrive({ id: `${i},` });
  const history = channel.history.bind(channel);
  let pages = 0;
  channel.history = async (options) => {
    if (++pages === 2) channel.lose();
    return history(options);
  };
  channel.subscribe();
  await settled();
  expect(stream.whole).toBe(false);
  channel.subscribe();
  await settled();
  expect(stream.whole).toBe(true);
  expect(stream.log.entries.length).toBe(650);
});

test("refusals last, trouble passes", () => {
  expect(judge({ code: 103, message: "permission denied" })).toEqual({
    final: true,
    reason: "permission denied",
  });
  for (const code of [1, 2, 11, 100, 109, 111])
    expect(judge({ code, message: "" }).final).toBe(false);
});
