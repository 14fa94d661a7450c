import { Centrifuge } from "centrifuge";
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { currentUser } from "../../shared/identity";
import { mount } from "../../shared/mount";
import { Changes, useChanges } from "../../shared/redraw";
import { openSession } from "../../shared/session";
import { Header, SecondTab } from "../../shared/shell";
import "./chat.css";
import { Composer } from "./composer";
import { Messages } from "./messages";
import { Room } from "./room";
import { Me, People, Rooms } from "./sidebar";

const user = currentUser();
const client = openSession(Centrifuge, user, "chat");
const changes = new Changes();
const rooms = [
  new Room(client, "lobby", "Say hello. Everybody starts here.", user, true),
  new Room(client, "random", "Anything else.", user, false),
  new Room(client, "ideas", "What should exist?", user, false),
];
for (const room of rooms) room.changes.on(changes.emit);

function Chat(): JSX.Element {
  const [room, pick] = useState(rooms[0]!);
  // The list of rooms shows all of them, so any change counts.
  useChanges(changes);
  useEffect(() => {
    const look = () => !document.hidden && room.look();
    look();
    document.addEventListener("visibilitychange", look);
    return () => {
      room.seen = false;
      document.removeEventListener("visibilitychange", look);
    };
  }, [room]);
  const unread = rooms.reduce((sum, it) => sum + it.unread, 0);
  useEffect(() => {
    document.title = `${unread > 0 ? `(${unread}) ` : ""}Chat · Trunkline`;
  }, [unread]);
  return (
    <>
      <Header title="Chat" client={client}>
        <SecondTab />
      </Header>
      <main class="chat">
        <aside>
          <Rooms rooms={rooms} room={room} onPick={pick} />
          <People room={room} user={user} />
          <Me user={user} />
        </aside>
        <section class="room">
          <p class="topic">
            <b>#{room.name}</b> {room.topic}
          </p>
          <Messages room={room} user={user} />
          <Composer room={room} />
        </section>
      </main>
    </>
  );
}

mount(<Chat />, true);
