import { bytes, duration, moment } from "../shared/format";
import type { ConnectionInfo } from "./api";

const NAMES: Record<string, string> = {
  websocket: "WebSocket",
  json: "JSON",
  protobuf: "Protobuf",
};

/** `json` as people write it; what is not known stays as it is. */
export function called(word: string | undefined): string {
  return word === undefined ? "" : (NAMES[word] ?? word);
}

/** What a client says it is: name and version, or one of them. */
export function softwareOf(it: ConnectionInfo): string {
  return [it.name, it.version].filter(Boolean).join(" ");
}

/** What is known of one client, for people. What a server does not tell is left out. */
export function factsOf(it: ConnectionInfo, now: number): [string, string][] {
  const since = it.connected_at;
  const facts: [string, string][] = [
    ["User", it.user || "anonymous"],
    ["Software", softwareOf(it) || "unnamed"],
    ["Transport", called(it.transport)],
    ["Protocol", called(it.protocol)],
    ["Subprotocol", it.subprotocol ?? (it.protocol ? "none" : "")],
    ["Address", it.address ?? ""],
    ["Connected since", since ? moment(since) : ""],
    ["Connected for", since ? duration((now - since) / 1000) : ""],
    ["Waiting to be written", bytes(it.outbox_bytes ?? 0)],
    ["Received from it", it.bytes_in === undefined ? "" : bytes(it.bytes_in)],
    ["Sent to it", it.bytes_out === undefined ? "" : bytes(it.bytes_out)],
  ];
  return facts.filter(([, text]) => text !== "");
}
