import type { Centrifuge, Subscription } from "centrifuge";
import { Rate } from "../../shared/rate";
import type { Arena } from "./arena";
import { decode, encode, type Message } from "./wire";

/** States are sent so often, in milliseconds; hidden tabs send what their timers allow. */
export const STATE_MS = 50;

/** Carries messages between an arena and the channel, and measures how that goes. */
export class GameLink {
  readonly received = new Rate();
  bytesIn = 0;
  /** From sending a state to hearing it, smoothed, in milliseconds. */
  echo = NaN;
  readonly #sent = new Map<number, number>();
  readonly #subscription: Subscription;

  constructor(
    readonly client: Centrifuge,
    private readonly arena: Arena,
  ) {
    this.#subscription = client.newSubscription("game:arena", { joinLeave: true });
    this.#subscription.on("publication", ({ data, info }) => {
      if (!(data instanceof Uint8Array) || !info) return;
      this.received.hit(Date.now());
      this.bytesIn += data.length;
      const message = decode(data);
      if (!message) return;
      const now = performance.now();
      this.#measure(message, now);
      arena.heard(message, info.client, info.user, now);
    });
    this.#subscription.on("leave", ({ info }) => arena.left(info.client));
    this.#subscription.subscribe();
  }

  get live(): boolean {
    return this.#subscription.state === "subscribed";
  }

  send(messages: readonly Message[]): void {
    // Positions and shots are of the moment. A claim is repeated by the arena until it is answered.
    if (!this.live) return;
    for (const message of messages) {
      if (message.kind === "state") this.#sent.set(message.seq, performance.now());
      this.#subscription.publish(encode(message)).catch(() => {});
    }
    if (this.#sent.size > 100) this.#sent.clear();
  }

  #measure(message: Message, now: number): void {
    if (message.kind !== "state" || message.player !== this.arena.player) return;
    const sent = this.#sent.get(message.seq);
    if (sent === undefined) return;
    this.#sent.delete(message.seq);
    this.echo = Number.isNaN(this.echo) ? now - sent : this.echo * 0.9 + (now - sent) * 0.1;
  }
}
