import type { Entry } from "../../shared/log";
import type { Pending } from "../../shared/outbox";
import type { Op, Shape } from "./op";

/** A shape on the board. */
export interface Drawn {
  readonly id: string;
  readonly shape: Shape;
  /** Not acknowledged by the server yet. */
  readonly pending: boolean;
}

interface Step {
  readonly id: string;
  readonly op: Op;
  readonly pending: boolean;
}

/**
 * What is to be seen after all operations, in their order.
 *
 * All pages have the same operations in the same order, so all show the same. An operation that was
 * taken back is as if it had never been: taking back an erasure brings the erased back.
 */
export function visible(
  entries: readonly Entry<Op>[],
  pending: readonly Pending<Op>[],
): readonly Drawn[] {
  const steps: Step[] = [
    ...entries.map(({ id, value }) => ({ id, op: value, pending: false })),
    ...pending
      .filter((it) => it.refused === undefined)
      .map(({ id, value }) => ({ id, op: value, pending: true })),
  ];
  const undone = takenBack(steps);
  const shapes = new Map<string, Drawn>();
  for (const { id, op, pending } of steps) {
    if (undone.has(id)) continue;
    if (op.kind === "draw") shapes.set(id, { id, shape: op.shape, pending });
    else if (op.kind === "erase") op.ids.forEach((erased) => shapes.delete(erased));
    else if (op.kind === "clear") shapes.clear();
  }
  return [...shapes.values()];
}

/** Operations that were taken back by their own user, the last word counting. */
function takenBack(steps: readonly Step[]): Set<string> {
  const users = new Map(steps.map(({ id, op }) => [id, op.user]));
  const undone = new Set<string>();
  for (const { op } of steps) {
    if ((op.kind !== "undo" && op.kind !== "redo") || users.get(op.of) !== op.user) continue;
    if (op.kind === "undo") undone.add(op.of);
    else undone.delete(op.of);
  }
  return undone;
}

/** What a user can take back and put in force again. */
export class Steps {
  #done: string[] = [];
  #undone: string[] = [];

  did(id: string): void {
    this.#done.push(id);
    this.#undone = [];
  }

  undo(): string | null {
    const id = this.#done.pop();
    if (id !== undefined) this.#undone.push(id);
    return id ?? null;
  }

  redo(): string | null {
    const id = this.#undone.pop();
    if (id !== undefined) this.#done.push(id);
    return id ?? null;
  }

  get canUndo(): boolean {
    return this.#done.length > 0;
  }

  get canRedo(): boolean {
    return this.#undone.length > 0;
  }
}
