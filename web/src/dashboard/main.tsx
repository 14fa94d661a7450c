import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { duration } from "../shared/format";
import { Icon, type IconName } from "../shared/icons";
import { mount } from "../shared/mount";
import { Header } from "../shared/shell";
import { Api, WrongKey } from "./api";
import { Channel } from "./channel";
import { Channels } from "./channels";
import { Connection } from "./connection";
import { Connections } from "./connections";
import "./dashboard.css";
import { Figures } from "./figures";
import { Login } from "./login";
import { Overview } from "./overview";
import { useRoute, type Route } from "./route";

const figures = new Figures();

function Dashboard(): JSX.Element {
  const [api, open] = useState(Api.kept());
  const [answers, setAnswers] = useState(true);
  const [, redraw] = useState(0);
  const route = useRoute();
  useEffect(() => {
    if (!api) return;
    let current = true;
    let timer: ReturnType<typeof setTimeout>;
    const poll = async () => {
      try {
        figures.take(await api.stats(), Date.now());
        if (current) setAnswers(true);
      } catch (trouble) {
        figures.break(Date.now());
        if (current && trouble instanceof WrongKey) leave();
        if (current) setAnswers(false);
      }
      if (!current) return;
      redraw((n) => n + 1);
      timer = setTimeout(poll, 1000);
    };
    void poll();
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [api]);
  const leave = () => {
    Api.forget();
    open(null);
  };
  if (!api) {
    return (
      <>
        <Header title="Dashboard" />
        <Login onOpen={open} />
      </>
    );
  }
  const stats = figures.latest;
  return (
    <>
      <Header title="Dashboard">
        {stats && (
          <span class="dim num about">
            {stats.version} · up {duration(stats.uptime_s)}
          </span>
        )}
        <span class={`link-sign ${answers ? "connected" : "connecting"}`} role="status">
          <i aria-hidden="true" />
          {answers ? "Live" : "No answer"}
        </span>
        <button
          class="quiet square"
          aria-label="Forget the key"
          title="Forget the key"
          onClick={leave}
        >
          <Icon name="out" />
        </button>
      </Header>
      <Tabs route={route} />
      <main class="dashboard">
        <View route={route} api={api} />
      </main>
    </>
  );
}

const TABS: { view: Route["view"]; also: Route["view"]; name: string; icon: IconName }[] = [
  { view: "overview", also: "overview", name: "Overview", icon: "gauge" },
  { view: "channels", also: "channel", name: "Channels", icon: "hash" },
  { view: "connections", also: "connection", name: "Connections", icon: "plug" },
];

function Tabs({ route }: { route: Route }): JSX.Element {
  return (
    <nav class="tabs" aria-label="Views">
      {TABS.map(({ view, also, name, icon }) => {
        const on = route.view === view || route.view === also;
        return (
          <a
            key={view}
            href={`#/${view}`}
            class={on ? "on" : ""}
            aria-current={on ? "page" : undefined}
          >
            <Icon name={icon} size={17} /> {name}
          </a>
        );
      })}
    </nav>
  );
}

function View({ route, api }: { route: Route; api: Api }): JSX.Element {
  switch (route.view) {
    case "overview":
      return <Overview figures={figures} />;
    case "channels":
      return <Channels api={api} />;
    case "connections":
      return <Connections api={api} />;
    case "channel":
      return <Channel key={route.channel} api={api} channel={route.channel} />;
    case "connection":
      return <Connection key={route.client} api={api} client={route.client} />;
  }
}

mount(<Dashboard />);
