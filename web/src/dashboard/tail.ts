import { Centrifuge, type PublicationContext } from "centrifuge";
import { Changes } from "../shared/redraw";
import { socketAddress } from "../shared/root";
import { renewTokens } from "../shared/session";
import type { Api, Publication } from "./api";

export interface Line {
  /** Counts lines; offsets are not there on all channels. */
  readonly key: number;
  readonly at: number | null;
  readonly offset: number | null;
  readonly user: string;
  readonly data: unknown;
  readonly live: boolean;
}

/** Lines that are kept; older ones go. */
const LINES = 400;

/** How long until the tail is opened again, in milliseconds. */
const RETRY_MS = 2000;

/** What is published to a channel, as it happens, behind what its history still has. */
export class Tail {
  readonly changes = new Changes();
  lines: readonly Line[] = [];
  received = 0;
  error: Error | null = null;
  paused = false;
  #held: Line[] = [];
  #key = 0;
  #client: Centrifuge | null = null;
  #closed = false;

  constructor(
    private readonly api: Api,
    private readonly channel: string,
  ) {
    void this.#open();
  }

  close(): void {
    this.#closed = true;
    this.#client?.disconnect();
  }

  pause(paused: boolean): void {
    this.paused = paused;
    if (!paused) this.#add(this.#held.splice(0));
    this.changes.emit();
  }

  get client(): Centrifuge | null {
    return this.#client;
  }

  async #open(): Promise<void> {
    if (this.#closed) return;
    try {
      const first = await this.#tokens();
      if (this.#closed) return;
      this.#client = new Centrifuge(socketAddress(), {
        name: "dashboard",
        token: first.token,
        getToken: async () => (await this.#tokens()).token,
        minReconnectDelay: 300,
        maxReconnectDelay: 3000,
      });
      renewTokens(this.#client);
      const subscription = this.#client.newSubscription(this.channel, {
        token: first.subscription_token,
        getToken: async () => (await this.#tokens()).subscription_token,
      });
      subscription.on("publication", (publication) => this.#heard(publication));
      subscription.on("error", ({ error }) => this.#failed(new Error(error.message)));
      subscription.on("unsubscribed", ({ reason }) => this.#unsubscribed(reason));
      subscription.on("subscribed", () => this.#failed(null));
      subscription.subscribe();
      this.#client.connect();
      await this.#history();
    } catch (trouble) {
      this.#failed(trouble as Error);
      // The server may be away just now.
      if (!this.#client && !this.#closed) setTimeout(() => void this.#open(), RETRY_MS);
    }
    this.changes.emit();
  }

  /** Refused for good as the SDK sees it; a server that has other secrets now gives other tokens. */
  #unsubscribed(reason: string): void {
    this.#failed(new Error(reason));
    if (this.#closed) return;
    this.#client?.disconnect();
    this.#client = null;
    setTimeout(() => void this.#open(), RETRY_MS);
  }

  #tokens(): Promise<{ token: string; subscription_token: string }> {
    return this.api.call("tail_token", { channel: this.channel });
  }

  async #history(): Promise<void> {
    const { publications = [] } = await this.api
      .call<{ publications?: Publication[] }>("history", {
        channel: this.channel,
        limit: 50,
        reverse: true,
      })
      .catch(() => ({}) as { publications?: Publication[] });
    // The same offset is another publication once the history began anew.
    const identity = (offset: number | null | undefined, data: unknown) =>
      `${offset} ${JSON.stringify(data)}`;
    const known = new Set(this.lines.map(({ offset, data }) => identity(offset, data)));
    const old = publications
      .filter(({ offset, data }) => offset === undefined || !known.has(identity(offset, data)))
      .map((it) => this.#line(it, it.time ?? null, false))
      .reverse();
    this.lines = [...old, ...this.lines];
  }

  #heard(publication: PublicationContext): void {
    this.received++;
    const line = this.#line(publication, Date.now(), true);
    if (!this.paused) this.#add([line]);
    else if (this.#held.push(line) > LINES) this.#held.shift();
    this.changes.emit();
  }

  #line(it: Publication | PublicationContext, at: number | null, live: boolean): Line {
    const data = "b64data" in it && it.b64data !== undefined ? `base64:${it.b64data}` : it.data;
    return {
      key: this.#key++,
      at,
      offset: it.offset ?? null,
      user: it.info?.user ?? "",
      data,
      live,
    };
  }

  #add(lines: Line[]): void {
    this.lines = [...this.lines, ...lines].slice(-LINES);
  }

  #failed(error: Error | null): void {
    this.error = error;
    this.changes.emit();
  }
}
