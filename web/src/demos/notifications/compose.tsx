import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { Avatar } from "../../shared/avatar";
import { Icon } from "../../shared/icons";
import { nameOf } from "../../shared/identity";
import { useChanges } from "../../shared/redraw";
import type { Member } from "../../shared/roster";
import { TEXT_MAX, TITLE_MAX } from "./note";
import type { Sender } from "./sender";

const IDEAS = [
  { title: "Build 1042 is green", text: "All 318 tests passed in 4 minutes." },
  { title: "You were mentioned", text: "“Could you have a look at the wording?”" },
  { title: "Your parcel is on its way", text: "It should arrive tomorrow before noon." },
];

/** Writes a notification to somebody who is here, or to oneself. */
export function Compose(props: { user: string; members: Member[]; sender: Sender }): JSX.Element {
  const { user, members, sender } = props;
  useChanges(sender.changes);
  const [chosen, choose] = useState<string | null>(null);
  const [title, setTitle] = useState("");
  const [text, setText] = useState("");
  const others = members.map((member) => member.user).filter((it) => it !== user);
  const to = chosen ?? others[0] ?? user;
  const people = [...new Set([...others, ...(chosen ? [chosen] : []), user])];
  const send = (draft: { title: string; text: string }) => {
    sender.send({ user: to, title: draft.title.trim(), text: draft.text.trim() });
  };
  return (
    <aside class="compose">
      <form
        class="card"
        onSubmit={(event) => {
          event.preventDefault();
          if (title.trim() === "") return;
          send({ title, text });
          setTitle("");
          setText("");
        }}
      >
        <h2>Notify somebody</h2>
        <div class="to" role="radiogroup" aria-label="To whom">
          {people.map((person) => (
            <button
              key={person}
              type="button"
              role="radio"
              aria-checked={person === to}
              class={person === to ? "on" : ""}
              onClick={() => choose(person)}
            >
              <Avatar user={person} size={22} />
              {person === user ? "Myself" : nameOf(person)}
            </button>
          ))}
        </div>
        <label>
          Title
          <input
            value={title}
            maxLength={TITLE_MAX}
            required
            onInput={(e) => setTitle(e.currentTarget.value)}
          />
        </label>
        <label>
          Text
          <textarea
            rows={3}
            value={text}
            maxLength={TEXT_MAX}
            onInput={(e) => setText(e.currentTarget.value)}
          />
        </label>
        <button class="primary">
          <Icon name="send" size={16} /> Send to {to === user ? "myself" : nameOf(to)}
        </button>
        <div class="ideas">
          <p class="dim">or one of these</p>
          {IDEAS.map((idea) => (
            <button key={idea.title} type="button" class="quiet" onClick={() => send(idea)}>
              {idea.title}
            </button>
          ))}
        </div>
      </form>
      {sender.pending.length > 0 && (
        <ul class="pending" aria-label="Waiting to be sent">
          {sender.pending.map(({ id, value, refused }) => (
            <li key={id} class={refused === undefined ? "" : "refused"}>
              <Icon name={refused === undefined ? "clock" : "alert"} size={15} />
              <span>
                <b>{value.title}</b> to {nameOf(value.user)}
                {refused !== undefined && `: ${refused}`}
              </span>
              {refused !== undefined && (
                <button class="quiet" onClick={() => sender.drop(id)}>
                  Drop
                </button>
              )}
            </li>
          ))}
        </ul>
      )}
    </aside>
  );
}
