import type { Centrifuge } from "centrifuge";
import { notice } from "../../shared/notice";
import { Rate } from "../../shared/rate";
import { Quote } from "./quote";
import { COMPANIES, parseTick } from "./tick";

/** All quotes, as they come in. Not drawn from here: pages draw once a frame, however many come. */
export class Market {
  readonly quotes: readonly Quote[];
  readonly rate = new Rate();

  constructor(client: Centrifuge) {
    this.quotes = Object.keys(COMPANIES).map((symbol) => {
      const quote = new Quote(symbol);
      const subscription = client.newSubscription(`market:${symbol}`);
      subscription.on("publication", (publication) => {
        const tick = parseTick(publication);
        if (!tick) return;
        const now = Date.now();
        quote.take(tick, publication.offset ?? 0, now);
        this.rate.hit(now);
      });
      subscription.subscribe();
      return quote;
    });
    let lost = false;
    client.on("connecting", () => {
      lost = this.quotes.some((quote) => quote.received > 0);
      for (const quote of this.quotes) quote.break(Date.now());
    });
    client.on("connected", () => {
      if (lost) notice("Back online with the latest prices");
      lost = false;
    });
  }
}
