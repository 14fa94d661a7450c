import { Peer } from "./peer";
import { distance, drift, fly, type Body, type Controls } from "./space";
import { Stars } from "./stars";
import { HEIGHT, WIDTH, type Hit, type Message, type Shot, type State } from "./wire";

/** How close counts. */
const STAR_RADIUS = 34;
const SHIP_RADIUS = 20;
const BOLT_SPEED = 780;
const BOLT_MS = 900;
const RELOAD_MS = 260;
const DEAD_MS = 1400;
const SHIELD_MS = 2500;
/** A claim whose echo has not come is repeated after so long. */
const CLAIM_AGAIN_MS = 600;
const STAR_POINTS = 1;
const HIT_POINTS = 3;

export interface Bolt extends Body {
  readonly player: number;
  readonly user: string;
  until: number;
}

/** Something that the page shows and forgets. */
export interface Burst {
  readonly x: number;
  readonly y: number;
  readonly user: string;
  readonly kind: "hit" | "star";
  readonly at: number;
}

/** One page's view of the game: its own ship, what it heard of the others, and who won what. */
export class Arena {
  readonly ship: Body;
  readonly peers = new Map<string, Peer>();
  readonly stars = new Stars();
  bolts: Bolt[] = [];
  bursts: Burst[] = [];
  score = 0;
  thrusting = false;
  #seq = 0;
  #deadUntil = -Infinity;
  #shieldUntil: number;
  #reloaded = -Infinity;
  #claimed = { star: -1, count: -1, at: -Infinity };

  constructor(
    readonly player: number,
    private readonly user: string,
    now: number,
    private readonly random: () => number = Math.random,
  ) {
    this.ship = this.#spawn();
    this.#shieldUntil = now + SHIELD_MS;
  }

  isDead(now: number): boolean {
    return now < this.#deadUntil;
  }

  isShielded(now: number): boolean {
    return now < this.#shieldUntil;
  }

  /** Goes `dt` seconds on; what it gives is to be published. */
  step(controls: Controls, dt: number, now: number): Message[] {
    const out: Message[] = [];
    this.thrusting = !this.isDead(now) && (controls.thrust || controls.goal !== null);
    for (const bolt of this.bolts) drift(bolt, dt);
    this.bolts = this.bolts.filter((bolt) => bolt.until > now);
    this.bursts = this.bursts.filter((burst) => now - burst.at < 900);
    for (const [client, peer] of this.peers) {
      if (peer.presence(now) === 0) this.peers.delete(client);
    }
    if (this.isDead(now)) return out;
    fly(this.ship, controls, dt);
    if (controls.fire && now >= this.#reloaded) out.push(this.#fire(now));
    const claim = this.#claim(now);
    if (claim) out.push(claim);
    const hit = this.#hit(now);
    if (hit) out.push(hit);
    return out;
  }

  state(now: number, away: boolean): State {
    this.#seq = (this.#seq + 1) % 65_536;
    const { x, y, vx, vy, angle } = this.ship;
    const { player, score, thrusting: thrust } = this;
    const [shield, dead] = [this.isShielded(now) || away, this.isDead(now)];
    const stars = this.stars.counts;
    return {
      kind: "state",
      player,
      seq: this.#seq,
      x,
      y,
      vx,
      vy,
      angle,
      thrust,
      shield,
      dead,
      away,
      score,
      stars,
    };
  }

  /** A message came through the channel, one's own included: its place there counts. */
  heard(message: Message, client: string, user: string, now: number): void {
    const own = message.player === this.player;
    switch (message.kind) {
      case "state": {
        this.stars.learn(message.stars);
        if (own) return;
        const peer = this.peers.get(client) ?? new Peer(user);
        this.peers.set(client, peer);
        peer.heard(message, now);
        return;
      }
      case "shot":
        if (!own) this.#shoot(message, user, now);
        return;
      case "claim": {
        const place = this.stars.place(message.star);
        if (!this.stars.take(message.star, message.count)) return;
        this.bursts.push({ ...place, user, kind: "star", at: now });
        if (own) this.score += STAR_POINTS;
        return;
      }
      case "hit":
        this.bursts.push({ x: message.x, y: message.y, user, kind: "hit", at: now });
        if (message.by === this.player && !own) this.score += HIT_POINTS;
        return;
    }
  }

  left(client: string): void {
    this.peers.delete(client);
  }

  #fire(now: number): Shot {
    this.#reloaded = now + RELOAD_MS;
    const { x, y, angle } = this.ship;
    const shot: Shot = { kind: "shot", player: this.player, x, y, angle };
    this.#shoot(shot, this.user, now);
    return shot;
  }

  #shoot({ player, x, y, angle }: Shot, user: string, now: number): void {
    // Nobody can fire faster than a ship reloads; what is more comes from no honest page.
    if (this.bolts.filter((bolt) => bolt.player === player).length >= 1 + BOLT_MS / RELOAD_MS)
      return;
    const [vx, vy] = [Math.cos(angle) * BOLT_SPEED, Math.sin(angle) * BOLT_SPEED];
    this.bolts.push({ player, user, x, y, vx, vy, angle, until: now + BOLT_MS });
  }

  #claim(now: number): Message | null {
    for (const [star, count] of this.stars.counts.entries()) {
      if (distance(this.ship, this.stars.place(star)) > STAR_RADIUS) continue;
      const said = this.#claimed;
      if (said.star === star && said.count === count && now - said.at < CLAIM_AGAIN_MS) continue;
      this.#claimed = { star, count, at: now };
      return { kind: "claim", player: this.player, star, count };
    }
    return null;
  }

  #hit(now: number): Hit | null {
    if (this.isShielded(now)) return null;
    const bolt = this.bolts.find(
      (it) => it.player !== this.player && distance(it, this.ship) < SHIP_RADIUS,
    );
    if (!bolt) return null;
    this.bolts = this.bolts.filter((it) => it !== bolt);
    const { x, y } = this.ship;
    Object.assign(this.ship, this.#spawn());
    this.#deadUntil = now + DEAD_MS;
    this.#shieldUntil = now + DEAD_MS + SHIELD_MS;
    return { kind: "hit", player: this.player, by: bolt.player, x, y };
  }

  #spawn(): Body {
    const { random } = this;
    return {
      x: (0.15 + 0.7 * random()) * WIDTH,
      y: (0.15 + 0.7 * random()) * HEIGHT,
      vx: 0,
      vy: 0,
      angle: random() * 2 * Math.PI,
    };
  }
}
