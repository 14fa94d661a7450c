import { Centrifuge } from "centrifuge";
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { COMPANIES, parseTick } from "../demos/market/tick";
import { count } from "../shared/format";
import { everyFrame } from "../shared/frames";
import { Icon } from "../shared/icons";
import { currentUser } from "../shared/identity";
import { mount } from "../shared/mount";
import { Rate } from "../shared/rate";
import { address } from "../shared/root";
import { openSession } from "../shared/session";
import { DEMOS, Header } from "../shared/shell";
import "./index.css";
import { Tree } from "./tree";

type Demos = "asking" | "on" | "off";

/** Whether this server runs the demos: only then does it know the path of their tokens. */
async function askDemos(): Promise<Demos> {
  const response = await fetch(address("demos/token"), {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ user: currentUser() }),
  });
  return response.ok ? "on" : "off";
}

function Start(): JSX.Element {
  const [demos, set] = useState<Demos>("asking");
  const [client, connect] = useState<Centrifuge | null>(null);
  useEffect(() => {
    askDemos().then(set, () => set("off"));
  }, []);
  useEffect(() => {
    if (demos === "on") connect(openSession(Centrifuge, currentUser(), "start"));
  }, [demos]);
  return (
    <>
      <Header {...(demos === "on" ? { client } : {})} />
      <main class="start">
        <section class="hero">
          <div>
            <h1>One line in. Everybody hears it.</h1>
            <p>
              A real-time server for chats, feeds, games, tickers and boards: channels with history,
              presence and recovery, for the SDKs of Centrifugo, in one binary.
            </p>
            <div class="actions">
              <a class="button primary" href={address("dashboard/").href}>
                <Icon name="gauge" /> Dashboard
              </a>
              {demos === "on" && (
                <a class="button" href={address("demos/chat/").href}>
                  <Icon name="chat" /> Try the chat
                </a>
              )}
            </div>
          </div>
          <Picture client={client} />
        </section>
        {demos === "off" ? (
          <p class="off card">
            The demos are not running. Start the server with <code>trunkline serve --demo</code> to
            play with them.
          </p>
        ) : (
          <nav class="demos" aria-label="Demos">
            {DEMOS.map(({ path, name, icon, line }) => (
              <a key={path} class="card" href={address(path).href}>
                <span class="sign">
                  <Icon name={icon} size={22} />
                </span>
                <b>{name}</b>
                <span>{line}</span>
              </a>
            ))}
          </nav>
        )}
        <footer>
          Each demo goes on where it was after <code>kill -9</code> of the server. Try it.
        </footer>
      </main>
    </>
  );
}

/** The market's publications, as they come in. */
function Picture({ client }: { client: Centrifuge | null }): JSX.Element {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [rate] = useState(() => new Rate());
  const [perSecond, show] = useState(0);
  useEffect(() => {
    const symbols = Object.keys(COMPANIES);
    const tree = new Tree(
      canvas.current!,
      symbols.map((name) => ({ name, text: "" })),
    );
    const subscriptions = symbols.map((symbol, i) => {
      const subscription = client?.newSubscription(`market:${symbol}`);
      subscription?.on("publication", (publication) => {
        const tick = parseTick(publication);
        if (!tick) return;
        rate.hit(Date.now());
        tree.pulse(i, `${symbol} ${tick.price.toFixed(2)}`, performance.now());
      });
      subscription?.subscribe();
      return subscription;
    });
    const timer = setInterval(() => show(rate.perSecond(Date.now())), 500);
    const stop = everyFrame((now) => tree.draw(now));
    return () => {
      stop();
      clearInterval(timer);
      for (const subscription of subscriptions) subscription?.unsubscribe();
    };
  }, [client, rate]);
  return (
    <figure>
      <canvas ref={canvas} role="img" aria-label="Publications on their way to this page" />
      <figcaption class="num">
        {client ? `${count(perSecond)} publications a second reach this page now` : ""}
      </figcaption>
    </figure>
  );
}

mount(<Start />);
