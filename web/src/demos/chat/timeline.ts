import type { Entry } from "../../shared/log";
import type { Pending } from "../../shared/outbox";
import type { ChatValue } from "./message";

export interface Reaction {
  readonly emoji: string;
  readonly users: readonly string[];
}

/** One message as the page shows it. */
export interface Row {
  readonly id: string;
  readonly user: string;
  readonly text: string;
  readonly at: number;
  readonly state: "sent" | "pending" | "refused";
  readonly refused: string;
  readonly reactions: readonly Reaction[];
  /** The first of a group by the same user, which shows name and time. */
  readonly first: boolean;
  /** The first of a day. */
  readonly newDay: boolean;
}

/** Messages of one user so close together share a name, in milliseconds. */
const GROUP_MS = 5 * 60_000;

/** Puts together what the page shows: sent messages in the channel's order, then waiting ones. */
export function timeline(
  entries: readonly Entry<ChatValue>[],
  pending: readonly Pending<ChatValue>[],
): Row[] {
  const reactions = tally([...entries.map((it) => it.value), ...pending.map((it) => it.value)]);
  const rows: Row[] = [];
  const push = (id: string, value: ChatValue, state: Row["state"], refused = "") => {
    if (value.kind !== "message") return;
    const before = rows.at(-1);
    const newDay = !before || day(before.at) !== day(value.at);
    rows.push({
      id,
      user: value.user,
      text: value.text,
      at: value.at,
      state,
      refused,
      reactions: reactions.get(id) ?? [],
      first: newDay || before.user !== value.user || value.at - before.at > GROUP_MS,
      newDay,
    });
  };
  for (const { id, value } of entries) push(id, value, "sent");
  for (const { id, value, refused } of pending) {
    push(id, value, refused === undefined ? "pending" : "refused", refused);
  }
  return rows;
}

/** Who reacted to what, each user once per message and emoji; the last word counts. */
function tally(values: readonly ChatValue[]): Map<string, Reaction[]> {
  const byMessage = new Map<string, Map<string, Set<string>>>();
  for (const value of values) {
    if (value.kind !== "reaction") continue;
    const byEmoji = byMessage.get(value.to) ?? new Map<string, Set<string>>();
    const users = byEmoji.get(value.emoji) ?? new Set<string>();
    if (value.on) users.add(value.user);
    else users.delete(value.user);
    byMessage.set(value.to, byEmoji.set(value.emoji, users));
  }
  return new Map(
    [...byMessage].map(([id, byEmoji]) => [
      id,
      [...byEmoji]
        .filter(([, users]) => users.size > 0)
        .map(([emoji, users]) => ({ emoji, users: [...users] })),
    ]),
  );
}

function day(at: number): string {
  return new Date(at).toDateString();
}
