import type { Centrifuge } from "centrifuge";
import { newId } from "../../shared/id";
import { noticeOfRecovery } from "../../shared/notice";
import { Changes } from "../../shared/redraw";
import { followRoster, type Member } from "../../shared/roster";
import { Signal } from "../../shared/signal";
import { Stream } from "../../shared/stream";
import { Steps, visible, type Drawn } from "./board";
import { Hands, parseHand, type HandSignal } from "./hand";
import { parseOp, type Op, type Shape } from "./op";

type Mine<O> = O extends unknown ? Omit<O, "user"> : never;

/** A board that many draw on: what is on it, who is there, and their hands. */
export class Model {
  readonly changes = new Changes();
  readonly hands = new Hands();
  readonly steps = new Steps();
  members: Member[] = [];
  #drawn: readonly Drawn[] | null = null;
  readonly #stream: Stream<Op>;
  readonly #signal: Signal<HandSignal>;

  constructor(
    client: Centrifuge,
    name: string,
    private readonly user: string,
  ) {
    const subscription = client.newSubscription(`board:${name}`, { joinLeave: true });
    this.#stream = new Stream<Op>(
      subscription,
      parseOp,
      {
        entry: ({ id }) => this.hands.drew(id),
        change: () => {
          this.#drawn = null;
          this.changes.emit();
        },
        ...noticeOfRecovery,
      },
      { key: `trunkline.board.${name}.${user}`, storage: sessionStorage },
    );
    this.#signal = new Signal(
      client,
      `signals:board-${name}`,
      (who, connection, signal) => {
        // One's own hand is under one's own pointer already.
        if (who !== user) this.hands.heard(connection, who, signal, performance.now());
      },
      parseHand,
    );
    followRoster(client, subscription, (members) => {
      this.members = members;
      this.changes.emit();
    });
    subscription.subscribe();
    // Pending shapes look different while there is no connection.
    subscription.on("state", () => this.changes.emit());
  }

  get drawn(): readonly Drawn[] {
    return (this.#drawn ??= visible(this.#stream.log.entries, this.#stream.outbox.pending));
  }

  get waiting(): number {
    return this.#stream.outbox.pending.length;
  }

  get live(): boolean {
    return this.#stream.whole;
  }

  draw(id: string, shape: Shape): void {
    this.#do(id, { kind: "draw", shape });
  }

  erase(ids: readonly string[]): void {
    if (ids.length > 0) this.#do(newId(), { kind: "erase", ids });
  }

  clear(): void {
    if (this.drawn.length > 0) this.#do(newId(), { kind: "clear" });
  }

  undo(): void {
    const of = this.steps.undo();
    if (of) this.#publish(newId(), { kind: "undo", of });
  }

  redo(): void {
    const of = this.steps.redo();
    if (of) this.#publish(newId(), { kind: "redo", of });
  }

  tell(signal: HandSignal): void {
    this.#signal.send(signal);
  }

  #do(id: string, op: Mine<Op>): void {
    this.steps.did(id);
    this.#publish(id, op);
  }

  #publish(id: string, op: Mine<Op>): void {
    this.#stream.publish(id, { ...op, user: this.user } as Op);
  }
}
