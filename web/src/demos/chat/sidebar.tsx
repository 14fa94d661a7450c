import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { Avatar } from "../../shared/avatar";
import { Icon } from "../../shared/icons";
import { nameOf, rememberUser, userFromName } from "../../shared/identity";
import type { Room } from "./room";

export function Rooms(props: {
  rooms: Room[];
  room: Room;
  onPick: (room: Room) => void;
}): JSX.Element {
  return (
    <nav class="rooms" aria-label="Rooms">
      <h2 class="visually-hidden">Rooms</h2>
      {props.rooms.map((room) => (
        <button
          key={room.name}
          class={`quiet ${room === props.room ? "current" : ""}`}
          aria-current={room === props.room ? "page" : undefined}
          onClick={() => props.onPick(room)}
        >
          <Icon name="hash" size={16} />
          {room.name}
          {room.unread > 0 && <span class="unread num">{room.unread}</span>}
        </button>
      ))}
    </nav>
  );
}

export function People({ room, user }: { room: Room; user: string }): JSX.Element {
  const typing = room.typing.users(Date.now());
  return (
    <section class="people" aria-label="People here">
      <h2>
        Here now <span class="num">{room.members.length}</span>
      </h2>
      <ul>
        {room.members.map((member) => (
          <li key={member.user}>
            <Avatar user={member.user} size={26} />
            <span class="name">{nameOf(member.user)}</span>
            {member.user === user && <span class="you">you</span>}
            {member.clients.size > 1 && <span class="you">{member.clients.size} tabs</span>}
            {typing.includes(member.user) && <span class="you">…</span>}
          </li>
        ))}
      </ul>
    </section>
  );
}

/** Says who this is and lets them be somebody else. */
export function Me({ user }: { user: string }): JSX.Element {
  const [editing, edit] = useState(false);
  if (!editing) {
    return (
      <button class="quiet me" onClick={() => edit(true)} title="Change your name">
        <Avatar user={user} size={28} />
        <span class="name">{nameOf(user)}</span>
        <Icon name="pen" size={14} />
      </button>
    );
  }
  return (
    <form
      class="me"
      onSubmit={(event) => {
        event.preventDefault();
        const name = new FormData(event.currentTarget).get("name");
        const next = userFromName(String(name ?? ""));
        if (next && next !== user) becomeUser(next);
        else edit(false);
      }}
    >
      <input
        name="name"
        defaultValue={nameOf(user)}
        maxLength={32}
        aria-label="Your name"
        autoFocus
        onKeyDown={(event) => event.key === "Escape" && edit(false)}
      />
    </form>
  );
}

/** A token is for one user, so a new name is a new connection; the page begins anew with it. */
function becomeUser(user: string): void {
  rememberUser(user);
  const url = new URL(location.href);
  url.searchParams.delete("user");
  location.replace(url);
}
