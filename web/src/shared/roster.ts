import type { Centrifuge, Subscription } from "centrifuge";

/** Somebody in a channel: one user, perhaps in several tabs. */
export interface Member {
  readonly user: string;
  readonly clients: ReadonlySet<string>;
}

/** Who is in a channel, by connection, as joins and leaves come in any order with the full list. */
export class Roster {
  #users = new Map<string, string>();
  /** Who came and went while the full list was on its way. */
  #meanwhile: { joined: Map<string, string>; left: Set<string> } | null = null;

  join(client: string, user: string): void {
    this.#users.set(client, user);
    this.#meanwhile?.joined.set(client, user);
    this.#meanwhile?.left.delete(client);
  }

  leave(client: string): void {
    this.#users.delete(client);
    this.#meanwhile?.joined.delete(client);
    this.#meanwhile?.left.add(client);
  }

  /** Takes the full list; `fetch` brings it while joins and leaves go on. */
  async replace(fetch: () => Promise<Iterable<readonly [string, string]>>): Promise<void> {
    const meanwhile = (this.#meanwhile = { joined: new Map<string, string>(), left: new Set() });
    try {
      const list = await fetch();
      if (this.#meanwhile !== meanwhile) return;
      const stayed = [...list].filter(([client]) => !meanwhile.left.has(client));
      this.#users = new Map([...stayed, ...meanwhile.joined]);
    } catch {
      // Better the old list than none.
    } finally {
      if (this.#meanwhile === meanwhile) this.#meanwhile = null;
    }
  }

  /** Users by name. */
  get members(): Member[] {
    const clients = new Map<string, Set<string>>();
    for (const [client, user] of this.#users) {
      const set = clients.get(user) ?? new Set();
      clients.set(user, set.add(client));
    }
    return [...clients]
      .map(([user, set]) => ({ user, clients: set }))
      .sort((a, b) => a.user.localeCompare(b.user));
  }
}

/** Servers forget connections that broke without a word only after a while; so ask now and then. */
const REFRESH_MS = 20_000;

/** Keeps a roster of the channel of a subscription, which must ask for joins and leaves. */
export function followRoster(
  client: Centrifuge,
  subscription: Subscription,
  onChange: (members: Member[]) => void,
): () => void {
  const roster = new Roster();
  const changed = () => onChange(roster.members);
  const refresh = async () => {
    if (subscription.state !== "subscribed") return;
    await roster.replace(async () => {
      const { clients } = await client.presence(subscription.channel);
      return Object.values(clients).map(({ client: id, user }) => [id, user] as const);
    });
    changed();
  };
  const onJoin = ({ info }: { info: { client: string; user: string } }) => {
    roster.join(info.client, info.user);
    changed();
  };
  const onLeave = ({ info }: { info: { client: string; user: string } }) => {
    roster.leave(info.client);
    changed();
  };
  const onSubscribed = () => void refresh();
  subscription.on("subscribed", onSubscribed);
  subscription.on("join", onJoin);
  subscription.on("leave", onLeave);
  const timer = setInterval(onSubscribed, REFRESH_MS);
  return () => {
    clearInterval(timer);
    subscription.off("subscribed", onSubscribed);
    subscription.off("join", onJoin);
    subscription.off("leave", onLeave);
  };
}
