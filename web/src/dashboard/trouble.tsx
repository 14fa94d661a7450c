import type { JSX } from "preact";
import { Icon } from "../shared/icons";
import { ApiError } from "./api";

/** Says what the server refused, or that it does not answer. */
export function Trouble({ error }: { error: Error | null }): JSX.Element | null {
  if (!error) return null;
  const text =
    error instanceof ApiError ? explain(error) : "The server does not answer. Trying again.";
  return (
    <p class="trouble" role="status">
      <Icon name="alert" size={16} /> {text}
    </p>
  );
}

function explain({ code, message }: ApiError): string {
  if (code === 108) return "This is off in the channel’s namespace.";
  if (code === 102) return "There is no namespace for this channel.";
  if (code === 404) return "This server does not tell that.";
  return message;
}
