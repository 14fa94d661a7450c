import type { Centrifuge } from "centrifuge";
import { newId } from "../../shared/id";
import { Outbox, type Pending } from "../../shared/outbox";
import { Changes } from "../../shared/redraw";
import { address } from "../../shared/root";

export interface Draft {
  readonly user: string;
  readonly title: string;
  readonly text: string;
}

/** How long trouble that passes is given, in milliseconds. */
const RETRY_MS = 2000;

class Refused extends Error {}

/**
 * Asks the server to notify users. A request whose answer was lost is repeated with the same id, by
 * which the server and the receiver know it.
 */
export class Sender {
  readonly changes = new Changes();
  readonly #outbox: Outbox<Draft>;

  constructor(
    client: Centrifuge,
    private readonly from: string,
  ) {
    this.#outbox = new Outbox<Draft>(
      `trunkline.notify.${from}`,
      (entry) => this.#post(entry),
      (error) => ({ final: error instanceof Refused, reason: String((error as Error).message) }),
      this.changes.emit,
      sessionStorage,
    );
    client.on("connected", () => this.#flush());
  }

  get pending(): readonly Pending<Draft>[] {
    return this.#outbox.pending;
  }

  send(draft: Draft): void {
    this.#outbox.add({ id: newId(), value: draft });
    this.#flush();
  }

  drop(id: string): void {
    this.#outbox.confirm(id);
  }

  async #post({ id, value }: Pending<Draft>): Promise<void> {
    const response = await fetch(address("demos/notify"), {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ id, from: this.from, ...value }),
    });
    if (response.ok) return;
    const message = `the server answered ${response.status}`;
    throw response.status < 500 && response.status !== 429
      ? new Refused(message)
      : new Error(message);
  }

  #flush(): void {
    void this.#outbox.flush().then((done) => {
      if (!done) setTimeout(() => this.#flush(), RETRY_MS);
    });
  }
}
