import { Centrifuge } from "centrifuge/build/protobuf";
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Avatar } from "../../shared/avatar";
import { count } from "../../shared/format";
import { everyFrame } from "../../shared/frames";
import { currentUser, nameOf } from "../../shared/identity";
import { mount } from "../../shared/mount";
import { openSession, type Sdk } from "../../shared/session";
import { Header, SecondTab } from "../../shared/shell";
import { Arena } from "./arena";
import { Pilot } from "./controls";
import "./game.css";
import { GameLink, STATE_MS } from "./link";
import { paintArena } from "./paint";
import { HEIGHT, WIDTH } from "./wire";

const user = currentUser();
const player = crypto.getRandomValues(new Uint32Array(1))[0]!;
// The same class as that of `centrifuge`, declared a second time.
const protobuf = Centrifuge as unknown as Sdk;
const arena = new Arena(player, user, performance.now());
const link = new GameLink(openSession(protobuf, user, "game"), arena);
const pilot = new Pilot();

let stepped = performance.now();

/** Brings the arena up to now. Frames do that, and the timer below where there are none. */
function advance(): void {
  const now = performance.now();
  const controls = document.hidden
    ? { turn: 0, thrust: false, fire: false, goal: null }
    : pilot.controls;
  // After a pause, such as a sleeping laptop, nobody flies through everything at once.
  link.send(arena.step(controls, Math.min(0.05, (now - stepped) / 1000), now));
  stepped = now;
}

setInterval(() => {
  if (document.hidden) advance();
  link.send([arena.state(performance.now(), document.hidden)]);
}, STATE_MS);

function Game(): JSX.Element {
  return (
    <>
      <Header title="Game" client={link.client}>
        <SecondTab />
      </Header>
      <main class="game">
        <div class="fit">
          <div class="arena">
            <Stage />
            <Scores />
            <Figures />
            <p class="help">
              <kbd>←</kbd> <kbd>↑</kbd> <kbd>→</kbd> fly, <kbd>Space</kbd> fires · or hold the mouse
            </p>
            <button
              class="fire"
              aria-label="Fire"
              onPointerDown={() => (pilot.button = true)}
              onPointerUp={() => (pilot.button = false)}
              onPointerLeave={() => (pilot.button = false)}
            >
              Fire
            </button>
          </div>
        </div>
      </main>
    </>
  );
}

function Stage(): JSX.Element {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const element = canvas.current!;
    const context = element.getContext("2d")!;
    return everyFrame((now) => {
      const width = Math.round(element.clientWidth * Math.min(devicePixelRatio, 2));
      if (element.width !== width) {
        element.width = width;
        element.height = Math.round((width * HEIGHT) / WIDTH);
      }
      advance();
      const size = Math.max(1, Math.min(2, 760 / element.clientWidth));
      paintArena(context, arena, { user, now, size });
    });
  }, []);
  const steer = (event: PointerEvent) => {
    const box = canvas.current!.getBoundingClientRect();
    pilot.goal = {
      x: ((event.clientX - box.left) / box.width) * WIDTH,
      y: ((event.clientY - box.top) / box.height) * HEIGHT,
    };
  };
  return (
    <canvas
      ref={canvas}
      role="img"
      aria-label="The arena"
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId);
        steer(event);
      }}
      onPointerMove={(event) => event.buttons > 0 && steer(event)}
      onPointerUp={() => (pilot.goal = null)}
      onPointerCancel={() => (pilot.goal = null)}
    />
  );
}

/** Draws again a few times a second. */
function useBeat(): void {
  const [, set] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => set((n) => n + 1), 250);
    return () => clearInterval(timer);
  }, []);
}

function Scores(): JSX.Element {
  useBeat();
  const rows = [...arena.peers.values()]
    .map((peer) => ({ user: peer.user, score: peer.latest?.score ?? 0, you: false }))
    .concat({ user, score: arena.score, you: true })
    .sort((a, b) => b.score - a.score)
    .slice(0, 8);
  return (
    <ol class="scores" aria-label="Scores">
      {rows.map((row, i) => (
        <li key={`${row.user}${i}`} class={row.you ? "you" : ""}>
          <Avatar user={row.user} size={22} />
          <span>{row.you ? "You" : nameOf(row.user)}</span>
          <b class="num">{row.score}</b>
        </li>
      ))}
    </ol>
  );
}

function Figures(): JSX.Element {
  useBeat();
  const rate = link.received.perSecond(Date.now());
  return (
    <p class="figures num">
      {link.live
        ? `${count(rate)} messages/s · ${Number.isNaN(link.echo) ? "–" : link.echo.toFixed(1)} ms to the server and back`
        : "No connection: you fly alone, your points stay"}
    </p>
  );
}

mount(<Game />, true);
