import type { Centrifuge } from "centrifuge";
import { newId } from "../../shared/id";
import { noticeOfRecovery } from "../../shared/notice";
import { Changes } from "../../shared/redraw";
import { followRoster, type Member } from "../../shared/roster";
import { Signal } from "../../shared/signal";
import { Stream } from "../../shared/stream";
import { parseChat, type ChatValue } from "./message";
import { timeline, type Row } from "./timeline";
import { Typing } from "./typing";

/** One room: its messages, who is in it and who types. */
export class Room {
  readonly changes = new Changes();
  readonly typing = new Typing();
  members: Member[] = [];
  unread = 0;
  /** The room that somebody looks at counts nothing as unread. */
  seen = false;
  readonly #stream: Stream<ChatValue>;
  readonly #signal: Signal<{ typing: true }>;

  constructor(
    client: Centrifuge,
    readonly name: string,
    readonly topic: string,
    private readonly user: string,
    main: boolean,
  ) {
    const subscription = client.newSubscription(`chat:${name}`, { joinLeave: true });
    this.#stream = new Stream<ChatValue>(
      subscription,
      parseChat,
      {
        entry: (entry, live) => this.#onEntry(entry.value, live),
        change: this.changes.emit,
        // All rooms are back together; one says so.
        ...(main ? noticeOfRecovery : {}),
      },
      { limit: 500, key: `trunkline.chat.${name}.${user}`, storage: sessionStorage },
    );
    this.#signal = new Signal(
      client,
      `signals:chat-${name}`,
      (who) => this.#onTyping(who),
      () => ({ typing: true }),
    );
    followRoster(client, subscription, (members) => {
      this.members = members;
      this.changes.emit();
    });
    subscription.subscribe();
  }

  get rows(): Row[] {
    return timeline(this.#stream.log.entries, this.#stream.outbox.pending);
  }

  get loaded(): boolean {
    return this.#stream.log.entries.length > 0 || this.#stream.whole;
  }

  say(text: string): boolean {
    const { user } = this;
    this.typing.sent();
    return this.#stream.publish(newId(), { kind: "message", text, at: Date.now(), user });
  }

  react(row: Row, emoji: string): void {
    const { user } = this;
    const has = row.reactions.some((it) => it.emoji === emoji && it.users.includes(user));
    this.#stream.publish(newId(), { kind: "reaction", to: row.id, emoji, on: !has, user });
  }

  retry(row: Row): void {
    this.#stream.retry(row.id);
  }

  /** A key was pressed in the composer. */
  typed(): void {
    if (this.typing.shouldTell(Date.now())) this.#signal.send({ typing: true });
  }

  look(): void {
    this.seen = true;
    this.unread = 0;
    this.changes.emit();
  }

  #onEntry(value: ChatValue, live: boolean): void {
    if (value.kind !== "message") return;
    this.typing.finished(value.user);
    if (live && value.user !== this.user && (!this.seen || document.hidden)) this.unread++;
  }

  #onTyping(user: string): void {
    if (user === this.user) return;
    this.typing.heard(user, Date.now());
    this.changes.emit();
    setTimeout(this.changes.emit, Typing.LASTS_MS + 10);
  }
}
