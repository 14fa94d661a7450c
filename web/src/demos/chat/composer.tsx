import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Icon } from "../../shared/icons";
import { nameOf } from "../../shared/identity";
import { notice } from "../../shared/notice";
import { TEXT_MAX } from "./message";
import type { Room } from "./room";

/** Where messages are written; Enter sends, Shift and Enter begin a new line. */
export function Composer({ room }: { room: Room }): JSX.Element {
  const [text, setText] = useState("");
  const field = useRef<HTMLTextAreaElement>(null);
  useEffect(() => field.current?.focus(), [room]);
  useEffect(() => {
    const element = field.current!;
    element.style.height = "auto";
    element.style.height = `${Math.min(element.scrollHeight + 2, 160)}px`;
  }, [text]);
  const send = () => {
    const trimmed = text.trim();
    if (trimmed === "") return;
    if (room.say(trimmed)) setText("");
    else notice("Too many messages wait to be sent");
  };
  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <TypingLine users={room.typing.users(Date.now())} />
      <div class="field card">
        <textarea
          ref={field}
          rows={1}
          maxLength={TEXT_MAX}
          value={text}
          placeholder={`Message #${room.name}`}
          aria-label={`Message in ${room.name}`}
          onInput={(event) => {
            setText(event.currentTarget.value);
            room.typed();
          }}
          onKeyDown={(event) => {
            if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
              event.preventDefault();
              send();
            }
          }}
        />
        <button class="primary square" aria-label="Send" disabled={text.trim() === ""}>
          <Icon name="send" />
        </button>
      </div>
    </form>
  );
}

function TypingLine({ users }: { users: string[] }): JSX.Element {
  const names = users.map(nameOf);
  const words =
    names.length === 0
      ? ""
      : names.length === 1
        ? `${names[0]} is typing`
        : names.length === 2
          ? `${names[0]} and ${names[1]} are typing`
          : `${names.length} people are typing`;
  return (
    <p class="typing" aria-live="polite">
      {words && (
        <>
          <span class="dots" aria-hidden="true">
            <i />
            <i />
            <i />
          </span>
          {words}
        </>
      )}
    </p>
  );
}
