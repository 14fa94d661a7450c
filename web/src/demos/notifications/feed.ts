import type { Centrifuge } from "centrifuge";
import type { Entry } from "../../shared/log";
import { noticeOfRecovery } from "../../shared/notice";
import { Changes } from "../../shared/redraw";
import { Stream } from "../../shared/stream";
import { parseNote, ReadMarks, type Note } from "./note";

/** How long a new one is shown on top, in milliseconds. */
const SHOWN_MS = 6000;

/** What a user was notified of. */
export class Feed {
  readonly changes = new Changes();
  /** Just came in, newest first. */
  arrived: readonly Entry<Note>[] = [];
  readonly #stream: Stream<Note>;
  readonly #marks: ReadMarks;

  constructor(client: Centrifuge, user: string) {
    const key = `trunkline.read.${user}`;
    this.#marks = new ReadMarks(key, localStorage);
    const subscription = client.newSubscription(`notifications:#${user}`);
    this.#stream = new Stream<Note>(
      subscription,
      parseNote,
      {
        entry: (entry, live) => live && this.#show(entry),
        change: this.changes.emit,
        ...noticeOfRecovery,
      },
      { limit: 200, key: `trunkline.notifications.${user}` },
    );
    addEventListener("storage", (event) => {
      if (event.key !== key) return;
      this.#marks.reload();
      this.changes.emit();
    });
    subscription.subscribe();
  }

  /** Newest first. */
  get notes(): Entry<Note>[] {
    return this.#stream.log.entries.toReversed();
  }

  get loaded(): boolean {
    return this.#stream.whole || this.#stream.log.entries.length > 0;
  }

  get unread(): number {
    return this.#stream.log.entries.filter(({ id }) => !this.#marks.has(id)).length;
  }

  isRead(id: string): boolean {
    return this.#marks.has(id);
  }

  read(...ids: string[]): void {
    this.#marks.add(ids);
    this.changes.emit();
  }

  hide(id: string): void {
    this.arrived = this.arrived.filter((it) => it.id !== id);
    this.changes.emit();
  }

  #show(entry: Entry<Note>): void {
    this.arrived = [entry, ...this.arrived].slice(0, 3);
    setTimeout(() => this.hide(entry.id), SHOWN_MS);
  }
}
