import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { count } from "../shared/format";
import { Icon } from "../shared/icons";
import type { Api, ChannelInfo } from "./api";
import { Trouble } from "./trouble";
import { usePoll } from "./poll";
import { linkTo } from "./route";

/** More rows than anybody reads; the filter finds the rest. */
const ROWS = 300;

/** All channels with subscribers, the largest first. */
export function Channels({ api }: { api: Api }): JSX.Element {
  const [filter, setFilter] = useState("");
  const [asked, ask] = useState("");
  const { value, error } = usePoll(
    () =>
      api.call<{ channels: Record<string, ChannelInfo> }>(
        "channels",
        asked ? { pattern: `*${asked}*` } : {},
      ),
    2000,
    [asked],
  );
  const rows = Object.entries(value?.channels ?? {})
    .map(([name, info]) => ({ name, clients: info.num_clients ?? 0 }))
    .sort((a, b) => b.clients - a.clients || a.name.localeCompare(b.name));
  const most = Math.max(1, rows[0]?.clients ?? 1);
  return (
    <section class="list">
      <form
        class="bar"
        onSubmit={(event) => {
          event.preventDefault();
          ask(filter.trim());
        }}
      >
        <input
          type="search"
          value={filter}
          placeholder="Part of a name, such as chat:"
          aria-label="Filter channels"
          onInput={(event) => {
            setFilter(event.currentTarget.value);
            ask(event.currentTarget.value.trim());
          }}
        />
        <button
          type="button"
          disabled={filter.trim() === ""}
          onClick={() => (location.hash = linkTo("channels", filter.trim()))}
          title="Open the channel of exactly this name, also if nobody is subscribed"
        >
          Open
        </button>
        <span class="badge num">{value ? `${count(rows.length)} channels` : "…"}</span>
      </form>
      <Trouble error={error} />
      <div class="rows card">
        {rows.slice(0, ROWS).map(({ name, clients }) => (
          <a key={name} href={linkTo("channels", name)}>
            <Icon name="hash" size={15} />
            <span class="mono name">{name}</span>
            <span class="meter" aria-hidden="true">
              <i style={{ width: `${(100 * clients) / most}%` }} />
            </span>
            <span class="num dim">
              {count(clients)} {clients === 1 ? "client" : "clients"}
            </span>
          </a>
        ))}
        {value && rows.length === 0 && <p class="none">Nobody is subscribed to such a channel.</p>}
        {rows.length > ROWS && (
          <p class="none">and {count(rows.length - ROWS)} more: filter by name</p>
        )}
      </div>
    </section>
  );
}
