import { Centrifuge } from "centrifuge";
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Avatar } from "../../shared/avatar";
import { ago } from "../../shared/format";
import { Icon } from "../../shared/icons";
import { currentUser, nameOf } from "../../shared/identity";
import type { Entry } from "../../shared/log";
import { mount } from "../../shared/mount";
import { Changes, useChanges } from "../../shared/redraw";
import { followRoster, type Member } from "../../shared/roster";
import { openSession } from "../../shared/session";
import { Header, SecondTab } from "../../shared/shell";
import { Compose } from "./compose";
import { Feed } from "./feed";
import type { Note } from "./note";
import "./notifications.css";
import { Sender } from "./sender";

const user = currentUser();
const client = openSession(Centrifuge, user, "notifications");
const feed = new Feed(client, user);
const sender = new Sender(client, user);
const people = new Changes();
let members: Member[] = [];

// Who else has this page open, so that there is somebody to notify.
const lobby = client.newSubscription("signals:notifications", { joinLeave: true });
followRoster(client, lobby, (list) => {
  members = list;
  people.emit();
});
lobby.subscribe();

function Notifications(): JSX.Element {
  useChanges(feed.changes);
  useChanges(people);
  const [now, tick] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => tick(Date.now()), 20_000);
    return () => clearInterval(timer);
  }, []);
  const { notes, unread } = feed;
  useEffect(() => {
    document.title = `${unread > 0 ? `(${unread}) ` : ""}Notifications · Trunkline`;
  }, [unread]);
  return (
    <>
      <Header title="Notifications" client={client}>
        <span class="bell" role="status" aria-label={`${unread} unread`}>
          <Icon name="bell" size={20} />
          {unread > 0 && <i class="num">{unread}</i>}
        </span>
        <SecondTab />
      </Header>
      <main class="notifications">
        <section class="feed" aria-label="Your notifications">
          <header>
            <Avatar user={user} size={40} />
            <div>
              <h2>{nameOf(user)}</h2>
              <p class="dim">{unread === 0 ? "All read" : `${unread} unread`}</p>
            </div>
            <span class="gap" />
            <button disabled={unread === 0} onClick={() => feed.read(...notes.map(({ id }) => id))}>
              <Icon name="check" size={16} /> Mark all as read
            </button>
          </header>
          {notes.length === 0 && feed.loaded && (
            <p class="empty card">
              <Icon name="bell" size={30} />
              Nothing yet. Send yourself something, or open a second tab.
            </p>
          )}
          <ul>
            {notes.map((note) => (
              <Item key={note.id} note={note} now={now} />
            ))}
          </ul>
        </section>
        <Compose user={user} members={members} sender={sender} />
      </main>
      <div class="toasts" role="status" aria-live="polite">
        {feed.arrived.map((note) => (
          <Toast key={note.id} note={note} />
        ))}
      </div>
    </>
  );
}

function Item({ note, now }: { note: Entry<Note>; now: number }): JSX.Element {
  const { id, value } = note;
  const read = feed.isRead(id);
  return (
    <li class={`note card ${read ? "" : "unread"}`} data-id={id}>
      <Avatar user={value.from || "system"} size={36} />
      <div>
        <b>{value.title}</b>
        <p>{value.text}</p>
        <p class="when">
          {value.from ? `${nameOf(value.from)} · ` : ""}
          <time>{ago(value.at, now)}</time>
        </p>
      </div>
      {!read && (
        <button class="quiet square" aria-label="Mark as read" onClick={() => feed.read(id)}>
          <Icon name="check" size={16} />
        </button>
      )}
    </li>
  );
}

function Toast({ note }: { note: Entry<Note> }): JSX.Element {
  const close = () => {
    feed.read(note.id);
    feed.hide(note.id);
  };
  return (
    <button class="toast card" onClick={close} aria-label={`${note.value.title}, mark as read`}>
      <Avatar user={note.value.from || "system"} size={32} />
      <span>
        <b>{note.value.title}</b>
        <span>{note.value.text}</span>
      </span>
    </button>
  );
}

mount(<Notifications />);
