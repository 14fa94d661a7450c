import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { bytes, count, duration } from "../shared/format";
import type { Api, ConnectionInfo } from "./api";
import { called, softwareOf } from "./facts";
import { usePoll } from "./poll";
import { linkTo } from "./route";
import { Trouble } from "./trouble";

const PAGE = 50;

interface Page {
  connections: ConnectionInfo[];
  /** Where the next page begins; absent on the last. */
  cursor?: string;
}

/** Who is connected, page by page. */
export function Connections({ api }: { api: Api }): JSX.Element {
  const [user, setUser] = useState("");
  /** Cursors of the pages before this one, and of this one. */
  const [trail, setTrail] = useState<string[]>([""]);
  const cursor = trail.at(-1)!;
  const { value, error } = usePoll(
    () =>
      api.call<Page>("connections", {
        limit: PAGE,
        ...(cursor ? { cursor } : {}),
        ...(user ? { user } : {}),
      }),
    2000,
    [cursor, user],
  );
  const now = Date.now();
  return (
    <section class="list">
      <div class="bar">
        <input
          type="search"
          value={user}
          placeholder="A user"
          aria-label="Connections of one user"
          onInput={(event) => {
            setUser(event.currentTarget.value.trim());
            setTrail([""]);
          }}
        />
        <button disabled={trail.length < 2} onClick={() => setTrail(trail.slice(0, -1))}>
          Back
        </button>
        <button
          disabled={!value?.cursor}
          onClick={() => value?.cursor && setTrail([...trail, value.cursor])}
        >
          Next
        </button>
      </div>
      <Trouble error={error} />
      <div class="card table">
        <table>
          <thead>
            <tr>
              <th>Client</th>
              <th>User</th>
              <th>Software</th>
              <th>Protocol</th>
              <th class="right">Channels</th>
              <th class="right">Waiting</th>
              <th class="right">Connected for</th>
            </tr>
          </thead>
          <tbody>
            {value?.connections.map((it) => (
              <tr key={it.client}>
                <td>
                  <a class="mono" href={linkTo("connections", it.client)}>
                    {it.client.slice(0, 8)}
                  </a>
                </td>
                <td>{it.user || <span class="dim">anonymous</span>}</td>
                <td class="dim">{softwareOf(it)}</td>
                <td class="dim">{called(it.protocol ?? it.transport)}</td>
                <td class="right num">{count(it.channels?.length ?? 0)}</td>
                <td class="right num">{bytes(it.outbox_bytes ?? 0)}</td>
                <td class="right num">
                  {it.connected_at ? duration((now - it.connected_at) / 1000) : "–"}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
        {value && value.connections.length === 0 && <p class="none">Nobody is connected.</p>}
      </div>
    </section>
  );
}
