import type { Centrifuge, PublicationContext, Subscription } from "centrifuge";

/**
 * A channel for what matters only now, such as typing and pointers: no history, and nothing is kept
 * while there is no connection.
 */
export class Signal<T> {
  readonly #subscription: Subscription;

  constructor(
    client: Centrifuge,
    channel: string,
    onSignal: (user: string, client: string, value: T) => void,
    parse: (data: unknown) => T | null,
  ) {
    this.#subscription = client.newSubscription(channel);
    this.#subscription.on("publication", (publication: PublicationContext) => {
      const from = publication.info;
      const value = parse(publication.data);
      if (from && value !== null) onSignal(from.user, from.client, value);
    });
    this.#subscription.subscribe();
  }

  send(value: T): void {
    if (this.#subscription.state !== "subscribed") return;
    this.#subscription.publish(value).catch(() => {
      // The next one replaces it.
    });
  }
}
