import { hueOf, nameOf } from "../../shared/identity";
import type { Arena, Burst } from "./arena";
import type { Body } from "./space";
import { HEIGHT, STARS, WIDTH } from "./wire";

/** Dust behind everything, always the same. */
const DUST = Array.from({ length: 140 }, (_, i) => ({
  x: ((i * 7919) % 1601) / 1601,
  y: ((i * 104_729) % 997) / 997,
  size: 0.6 + ((i * 31) % 10) / 8,
}));

const tone = (user: string, light = 0.74) => `oklch(${light} 0.16 ${hueOf(user)})`;

export interface View {
  readonly user: string;
  readonly now: number;
  /** Small screens show ships and stars larger. */
  readonly size: number;
}

export function paintArena(context: CanvasRenderingContext2D, arena: Arena, view: View): void {
  const { now } = view;
  const { canvas } = context;
  const scale = canvas.width / WIDTH;
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, WIDTH, HEIGHT);
  context.fillStyle = "#ffffff";
  for (const { x, y, size } of DUST) {
    context.globalAlpha = 0.12 + 0.1 * Math.sin(now / 900 + x * 40);
    context.fillRect(x * WIDTH, y * HEIGHT, size * 1.6, size * 1.6);
  }
  context.globalAlpha = 1;
  for (let star = 0; star < STARS; star++) paintStar(context, arena.stars.place(star), view, star);
  for (const bolt of arena.bolts) paintBolt(context, bolt, tone(bolt.user));
  for (const peer of arena.peers.values()) {
    const pose = peer.pose(now);
    const state = peer.latest;
    if (!pose || !state || state.dead) continue;
    context.globalAlpha = peer.presence(now);
    const label = state.away ? `${nameOf(peer.user)} · away` : nameOf(peer.user);
    paintShip(context, pose, { ...view, user: peer.user, ...state, label });
    context.globalAlpha = 1;
  }
  if (!arena.isDead(now)) {
    const { thrusting: thrust } = arena;
    const shield = arena.isShielded(now);
    paintShip(context, arena.ship, { ...view, thrust, shield, label: "You" });
  }
  for (const burst of arena.bursts) paintBurst(context, burst, now);
}

function paintShip(
  context: CanvasRenderingContext2D,
  body: Body,
  look: View & { thrust: boolean; shield: boolean; label: string },
): void {
  const { user, thrust, shield, label, now, size } = look;
  context.save();
  context.translate(body.x, body.y);
  context.scale(size, size);
  context.font = "600 15px Inter, sans-serif";
  context.textAlign = "center";
  context.fillStyle = tone(user, 0.82);
  context.fillText(label, 0, 46);
  if (shield) {
    context.strokeStyle = tone(user);
    context.lineWidth = 2;
    context.setLineDash([7, 6]);
    context.lineDashOffset = now / 40;
    context.beginPath();
    context.arc(0, 0, 29, 0, 2 * Math.PI);
    context.stroke();
    context.setLineDash([]);
  }
  context.rotate(body.angle);
  if (thrust) {
    const length = 16 + 8 * Math.sin(now / 23);
    const flame = context.createLinearGradient(-10, 0, -14 - length, 0);
    flame.addColorStop(0, "#ffd9a0");
    flame.addColorStop(1, "#ff6a2a00");
    context.fillStyle = flame;
    context.beginPath();
    context.moveTo(-10, -6);
    context.lineTo(-14 - length, 0);
    context.lineTo(-10, 6);
    context.fill();
  }
  context.shadowColor = tone(user);
  context.shadowBlur = 16;
  context.fillStyle = tone(user);
  context.beginPath();
  context.moveTo(21, 0);
  context.lineTo(-14, -13);
  context.lineTo(-8, 0);
  context.lineTo(-14, 13);
  context.closePath();
  context.fill();
  context.restore();
}

function paintStar(
  context: CanvasRenderingContext2D,
  at: { x: number; y: number },
  { now, size }: View,
  index: number,
): void {
  context.save();
  context.translate(at.x, at.y);
  context.scale(size, size);
  const glow = context.createRadialGradient(0, 0, 2, 0, 0, 46);
  glow.addColorStop(0, "#ffe9a860");
  glow.addColorStop(1, "#ffe9a800");
  context.fillStyle = glow;
  context.fillRect(-46, -46, 92, 92);
  context.rotate(now / 1600 + index * 2);
  const points = 15 + 2 * Math.sin(now / 320 + index * 2);
  context.fillStyle = "#ffe08a";
  context.beginPath();
  for (let i = 0; i < 10; i++) {
    const radius = i % 2 ? points * 0.45 : points;
    const angle = (i / 10) * 2 * Math.PI;
    context.lineTo(Math.cos(angle) * radius, Math.sin(angle) * radius);
  }
  context.fill();
  context.restore();
}

function paintBolt(context: CanvasRenderingContext2D, bolt: Body, color: string): void {
  context.strokeStyle = color;
  context.lineWidth = 4;
  context.lineCap = "round";
  context.beginPath();
  context.moveTo(bolt.x, bolt.y);
  context.lineTo(bolt.x - Math.cos(bolt.angle) * 18, bolt.y - Math.sin(bolt.angle) * 18);
  context.stroke();
}

function paintBurst(context: CanvasRenderingContext2D, burst: Burst, now: number): void {
  const age = (now - burst.at) / 900;
  if (age < 0 || age > 1) return;
  const pieces = burst.kind === "hit" ? 26 : 12;
  const reach = (burst.kind === "hit" ? 120 : 60) * (1 - (1 - age) ** 3);
  context.save();
  context.globalAlpha = 1 - age;
  context.fillStyle = burst.kind === "hit" ? tone(burst.user) : "#ffe08a";
  for (let i = 0; i < pieces; i++) {
    const angle = (i / pieces) * 2 * Math.PI + (i % 3);
    const far = reach * (0.55 + (0.45 * ((i * 37) % 10)) / 10);
    context.beginPath();
    context.arc(
      burst.x + Math.cos(angle) * far,
      burst.y + Math.sin(angle) * far,
      3.5 * (1 - age),
      0,
      2 * Math.PI,
    );
    context.fill();
  }
  context.restore();
}
