import type { JSX } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { bytes, count } from "../shared/format";
import { Icon } from "../shared/icons";
import { LinkSign } from "../shared/link";
import { notice } from "../shared/notice";
import { useChanges } from "../shared/redraw";
import type { Api, ClientInfo } from "./api";
import { usePoll } from "./poll";
import { linkTo } from "./route";
import { Tail, type Line } from "./tail";
import { Trouble } from "./trouble";

/** One channel: what goes through it, who is on it, and a way to publish. */
export function Channel({ api, channel }: { api: Api; channel: string }): JSX.Element {
  const [tail, setTail] = useState<Tail | null>(null);
  useEffect(() => {
    const opened = new Tail(api, channel);
    setTail(opened);
    return () => opened.close();
  }, [api, channel]);
  return (
    <section class="list">
      <div class="bar">
        <a class="button quiet" href="#/channels">
          <Icon name="back" size={16} /> Channels
        </a>
        <h2 class="mono">{channel}</h2>
      </div>
      <div class="channel">
        {tail && <TailView tail={tail} />}
        <aside>
          <Publish api={api} channel={channel} />
          <Subscribers api={api} channel={channel} />
        </aside>
      </div>
    </section>
  );
}

const clock = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});

function TailView({ tail }: { tail: Tail }): JSX.Element {
  useChanges(tail.changes);
  const list = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);
  useLayoutEffect(() => {
    if (atEnd.current) list.current!.scrollTop = list.current!.scrollHeight;
  });
  return (
    <section class="tail card" aria-label="Live tail">
      <header>
        <h2>Live tail</h2>
        <LinkSign client={tail.client} />
        <span class="dim num">{count(tail.received)} received</span>
        <span class="gap" />
        <button class="quiet" onClick={() => tail.pause(!tail.paused)}>
          <Icon name={tail.paused ? "play" : "pause"} size={15} />
          {tail.paused ? "Go on" : "Pause"}
        </button>
      </header>
      <Trouble error={tail.error} />
      <div
        class="lines"
        ref={list}
        tabIndex={0}
        role="log"
        aria-live="off"
        aria-label="Publications"
        onScroll={() => {
          const { scrollHeight, scrollTop, clientHeight } = list.current!;
          atEnd.current = scrollHeight - scrollTop - clientHeight < 40;
        }}
      >
        {tail.lines.map((line) => (
          <TailLine key={line.key} line={line} />
        ))}
        {tail.lines.length === 0 && <p class="none">Nothing yet. Publish something, or wait.</p>}
      </div>
    </section>
  );
}

/** Longer data are cut: the tail is for looking on, not for reading files. */
const SHOWN = 600;

function TailLine({ line }: { line: Line }): JSX.Element {
  const text =
    line.data instanceof Uint8Array
      ? `${line.data.length} bytes`
      : (JSON.stringify(line.data) ?? "null");
  return (
    <div class={`line mono ${line.live ? "live" : ""}`}>
      <span class="meta num">
        {line.at === null ? "history" : clock.format(line.at)}
        {line.offset !== null && ` #${line.offset}`}
      </span>
      {line.user && <b>{line.user}</b>}
      <span>
        {text.slice(0, SHOWN)}
        {text.length > SHOWN && <i class="dim"> … {bytes(text.length)}</i>}
      </span>
    </div>
  );
}

function Publish({ api, channel }: { api: Api; channel: string }): JSX.Element {
  const [text, setText] = useState('{ "hello": "world" }');
  const [error, setError] = useState("");
  const publish = async () => {
    let data: unknown;
    try {
      data = JSON.parse(text);
    } catch (trouble) {
      setError(`This is no JSON: ${(trouble as Error).message}`);
      return;
    }
    try {
      await api.call("publish", { channel, data });
      setError("");
      notice("Published");
    } catch (trouble) {
      setError((trouble as Error).message);
    }
  };
  return (
    <form
      class="card publish"
      onSubmit={(event) => {
        event.preventDefault();
        void publish();
      }}
    >
      <h2>Publish</h2>
      <textarea
        class="mono"
        rows={4}
        spellcheck={false}
        value={text}
        aria-label="JSON to publish"
        onInput={(event) => setText(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) void publish();
        }}
      />
      {error && (
        <p class="error" role="alert">
          {error}
        </p>
      )}
      <button class="primary">
        <Icon name="send" size={16} /> Publish
      </button>
    </form>
  );
}

function Subscribers({ api, channel }: { api: Api; channel: string }): JSX.Element {
  const { value, error } = usePoll(
    () => api.call<{ presence: Record<string, ClientInfo> }>("presence", { channel }),
    2000,
    [channel],
  );
  const clients = Object.entries(value?.presence ?? {}).sort(([, a], [, b]) =>
    (a.user ?? "").localeCompare(b.user ?? ""),
  );
  return (
    <section class="card subscribers">
      <h2>Subscribers {value && <span class="badge num">{count(clients.length)}</span>}</h2>
      <Trouble error={error} />
      <ul>
        {clients.slice(0, 100).map(([client, info]) => (
          <li key={client}>
            <a href={linkTo("connections", client)}>{info.user || "anonymous"}</a>
            <span class="mono dim">{client.slice(0, 8)}</span>
          </li>
        ))}
      </ul>
      {clients.length > 100 && <p class="dim">and {count(clients.length - 100)} more</p>}
    </section>
  );
}
