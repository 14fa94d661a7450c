import type {
  HistoryOptions,
  PublicationContext,
  SubscribedContext,
  Subscription,
} from "centrifuge";
import { ChannelLog, type Entry } from "./log";
import { Outbox, type Refusal } from "./outbox";

/** What a `Stream` tells its page. */
export interface StreamEvents<T> {
  /** An entry was added; `live` unless it came from history. */
  entry?(entry: Entry<T>, live: boolean): void;
  /** Entries, pending ones, or the state changed. */
  change?(): void;
  /** The connection was lost and is back, with `missed` entries caught up. */
  recovered?(missed: number): void;
  /** The server could not say what was missed, so its history was read again. */
  reloaded?(): void;
}

/** The part of the SDK's subscription that is used, so that tests can stand in for it. */
export type Source = Pick<Subscription, "on" | "publish" | "history" | "state">;

/** Publications of a page per answer; servers cap this, 300 is Centrifugo's cap. */
const PAGE = 300;

/** How long trouble that passes is given, in milliseconds. */
const RETRY_MS = 2000;

/**
 * A channel with history whose entries carry ids, kept whole over reconnects: recovery first, history
 * where recovery fails, and an outbox for what this page publishes.
 *
 * `parse` turns a publication into an id and a value, or `null` if it is not understood: other
 * people's data are not to be trusted.
 */
export class Stream<T extends object> {
  readonly log: ChannelLog<T>;
  readonly outbox: Outbox<T>;
  #epoch: string | null = null;
  /** The highest offset below which nothing is missing. */
  #known = 0;
  #whole = false;
  /** Counts the times that history was begun to be read; an older reading stops. */
  #reading = 0;
  #recovering: { missed: number } | null = null;

  constructor(
    private readonly source: Source,
    private readonly parse: (publication: PublicationContext) => { id: string; value: T } | null,
    private readonly events: StreamEvents<T>,
    options: { limit?: number; key: string; storage?: Storage | null },
  ) {
    this.log = new ChannelLog(options.limit);
    this.outbox = new Outbox<T>(
      options.key,
      ({ id, value }) => this.source.publish({ id, ...value }),
      judge,
      () => this.events.change?.(),
      options.storage ?? null,
    );
    source.on("subscribed", (context) => this.#onSubscribed(context));
    source.on("publication", (context) => this.#take(context, !this.#recovering));
  }

  /** All of the history is here and publications come in. */
  get whole(): boolean {
    return this.#whole && this.source.state === "subscribed";
  }

  /** Publishes now or, without a connection, as soon as there is one. */
  publish(id: string, value: T): boolean {
    const taken = this.outbox.add({ id, value });
    this.#flush();
    return taken;
  }

  retry(id: string): void {
    this.outbox.retry(id);
    this.#flush();
  }

  #onSubscribed(context: SubscribedContext): void {
    const position = context.streamPosition ?? { offset: 0, epoch: "" };
    const anew = this.#epoch !== null && this.#epoch !== position.epoch;
    if (anew) {
      this.log.startEra();
      this.#known = 0;
    }
    this.#epoch = position.epoch;
    this.#recovering = { missed: 0 };
    // The SDK delivers recovered publications right after this event, before any microtask.
    queueMicrotask(() => void this.#settle(context, anew));
  }

  async #settle(context: SubscribedContext, anew: boolean): Promise<void> {
    const missed = this.#recovering?.missed ?? 0;
    this.#recovering = null;
    const before = this.#whole;
    if (context.wasRecovering && context.recovered && before && !anew) {
      this.events.recovered?.(missed);
    } else {
      this.#whole = false;
      if (!(await this.#load())) return;
      if (before) this.events.reloaded?.();
    }
    this.events.change?.();
    this.#flush();
  }

  /** Reads what history has beyond the known offset; `false` if that could not be finished. */
  async #load(): Promise<boolean> {
    const reading = ++this.#reading;
    try {
      for (let from = this.#known; ;) {
        const page = await this.source.history(this.#page(from));
        if (reading !== this.#reading) return false;
        for (const publication of page.publications) this.#take(publication, false);
        const last = page.publications.at(-1)?.offset ?? page.offset;
        this.#known = Math.max(this.#known, last);
        if (page.publications.length === 0 || last >= page.offset) break;
        from = last;
      }
      this.#whole = true;
      return true;
    } catch (error) {
      // After a lost connection the next `subscribed` reads again; other trouble may pass by itself.
      if (judge(error).final || reading !== this.#reading) return false;
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      if (reading !== this.#reading || this.source.state !== "subscribed") return false;
      return this.#load();
    }
  }

  #page(from: number): HistoryOptions {
    return from === 0
      ? { limit: PAGE }
      : { limit: PAGE, since: { offset: from, epoch: this.#epoch ?? "" } };
  }

  #take(publication: PublicationContext, live: boolean): void {
    const offset = publication.offset ?? 0;
    if (this.#whole) this.#known = Math.max(this.#known, offset);
    const parsed = this.parse(publication);
    if (!parsed) return;
    const entry = this.log.insert(parsed.id, offset, parsed.value);
    this.outbox.confirm(parsed.id);
    if (!entry) return;
    if (this.#recovering) this.#recovering.missed++;
    this.events.entry?.(entry, live);
    this.events.change?.();
  }

  #flush(): void {
    if (!this.whole) return;
    void this.outbox.flush().then((done) => {
      // Such as a timeout or a rate limit, with the connection still there.
      if (!done) setTimeout(() => this.#flush(), RETRY_MS);
    });
  }
}

/** Tells refusals of the server that last from trouble that passes. */
export function judge(error: unknown): Refusal {
  const { code = 0, message = String(error) } = (error ?? {}) as {
    code?: number;
    message?: string;
  };
  // 1 to 99 are the SDK's own: timeout, connection lost. 100 and 111 are the server's temporary ones,
  // 109 is an expired token, which the SDK replaces.
  const passes = code < 100 || code === 100 || code === 109 || code === 111;
  return { final: !passes, reason: message };
}
