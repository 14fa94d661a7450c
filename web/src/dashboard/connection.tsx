import type { JSX } from "preact";
import { Icon } from "../shared/icons";
import { notice } from "../shared/notice";
import type { Api, ConnectionInfo } from "./api";
import { factsOf } from "./facts";
import { usePoll } from "./poll";
import { linkTo } from "./route";
import { Trouble } from "./trouble";

/** One client: who it is, what it is on, what waits for it. */
export function Connection({ api, client }: { api: Api; client: string }): JSX.Element {
  const { value, error } = usePoll(() => api.call<ConnectionInfo>("connection", { client }), 1000, [
    client,
  ]);
  const disconnect = async () => {
    try {
      await api.call("disconnect", { user: value?.user ?? "", client });
      notice("Disconnected");
    } catch (trouble) {
      notice(`Not disconnected: ${(trouble as Error).message}`);
    }
  };
  return (
    <section class="list">
      <div class="bar">
        <a class="button quiet" href="#/connections">
          <Icon name="back" size={16} /> Connections
        </a>
        <h2 class="mono">{client}</h2>
        <span class="gap" />
        <button class="danger" disabled={!value} onClick={() => void disconnect()}>
          <Icon name="plug" size={16} /> Disconnect
        </button>
      </div>
      <Trouble error={error} />
      <dl class="facts card">
        {(value ? factsOf(value, Date.now()) : []).map(([name, text]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{text}</dd>
          </div>
        ))}
      </dl>
      <h2>Channels</h2>
      <div class="rows card">
        {value?.channels?.map((channel) => (
          <a key={channel} href={linkTo("channels", channel)}>
            <Icon name="hash" size={15} />
            <span class="mono name">{channel}</span>
          </a>
        ))}
        {value && (value.channels?.length ?? 0) === 0 && <p class="none">On no channel.</p>}
      </div>
    </section>
  );
}
