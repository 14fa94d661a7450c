import type { JSX } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { Avatar } from "../../shared/avatar";
import { clockTime, dayName } from "../../shared/format";
import { Icon } from "../../shared/icons";
import { nameOf } from "../../shared/identity";
import { EMOJI } from "./message";
import type { Room } from "./room";
import type { Row } from "./timeline";

/** The messages of a room; stays at the end while somebody looks at the end. */
export function Messages({ room, user }: { room: Room; user: string }): JSX.Element {
  const list = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);
  const rows = room.rows;
  useLayoutEffect(() => {
    const element = list.current;
    if (element && atEnd.current) element.scrollTop = element.scrollHeight;
  });
  useLayoutEffect(() => {
    atEnd.current = true;
  }, [room]);
  const onScroll = () => {
    const element = list.current!;
    atEnd.current = element.scrollHeight - element.scrollTop - element.clientHeight < 60;
  };
  const now = Date.now();
  return (
    <div
      class="messages"
      ref={list}
      onScroll={onScroll}
      role="log"
      aria-label={`Messages in ${room.name}`}
      tabIndex={0}
    >
      <div class="spring" />
      {rows.length === 0 && room.loaded && (
        <p class="empty">
          <Icon name="chat" size={30} />
          Nobody has said anything here in the last day. Begin.
        </p>
      )}
      {rows.map((row) => (
        <Message key={row.id} row={row} room={room} user={user} now={now} />
      ))}
    </div>
  );
}

function Message(props: { row: Row; room: Room; user: string; now: number }): JSX.Element {
  const { row, room, user, now } = props;
  const [picking, pick] = useState(false);
  const react = (emoji: string) => {
    pick(false);
    room.react(row, emoji);
  };
  return (
    <>
      {row.newDay && <div class="day">{dayName(row.at, now)}</div>}
      <article class={`message ${row.state} ${row.first ? "first" : ""}`} data-id={row.id}>
        {row.first ? (
          <Avatar user={row.user} />
        ) : (
          <time class="aside num">{clockTime(row.at)}</time>
        )}
        <div class="body">
          {row.first && (
            <p class="by">
              <b>{nameOf(row.user)}</b>
              {row.user === user && <span class="you">you</span>}
              <time class="num">{clockTime(row.at)}</time>
            </p>
          )}
          <p class="text">
            {row.text}
            {row.state === "pending" && (
              <span class="state" title="Waits for the server">
                <Icon name="clock" size={13} /> sending
              </span>
            )}
            {row.state === "refused" && (
              <button class="state refused" onClick={() => room.retry(row)}>
                <Icon name="alert" size={13} /> {row.refused}, try again
              </button>
            )}
          </p>
          {row.reactions.length > 0 && (
            <div class="reactions">
              {row.reactions.map(({ emoji, users }) => (
                <button
                  key={emoji}
                  class={`reaction ${users.includes(user) ? "mine" : ""}`}
                  title={users.map(nameOf).join(", ")}
                  onClick={() => react(emoji)}
                >
                  {emoji} <span class="num">{users.length}</span>
                </button>
              ))}
            </div>
          )}
        </div>
        {row.state === "sent" && (
          <div class={`tools ${picking ? "open" : ""}`}>
            {picking ? (
              EMOJI.map((emoji) => (
                <button
                  key={emoji}
                  class="quiet square"
                  aria-label={`React with ${emoji}`}
                  onClick={() => react(emoji)}
                >
                  {emoji}
                </button>
              ))
            ) : (
              <button class="quiet square" aria-label="React" onClick={() => pick(true)}>
                <Icon name="smile" size={17} />
              </button>
            )}
          </div>
        )}
      </article>
    </>
  );
}
