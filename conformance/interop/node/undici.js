// The peer "undici": the client that is also Node's own WebSocket. It always offers compression, compresses nothing
// itself, and takes a BOM off a text.
import { readFileSync } from "node:fs";
import diagnostics from "node:diagnostics_channel";
import { WebSocket, ping } from "undici";
import { connect } from "./obey.js";
import { connectAsTold, say } from "./lines.js";

const { version } = JSON.parse(readFileSync(new URL("node_modules/undici/package.json", import.meta.url)));
say("peer", `undici ${version}`, "compression,takeover,extensions,negotiated,ping,bare-close");

const extras = socket => ({
  ping: () => {
    const ponged = () => {
      diagnostics.unsubscribe("undici:websocket:pong", ponged);
      socket.send("pong");
    };
    diagnostics.subscribe("undici:websocket:pong", ponged);
    ping(socket);
  },
});

await connectAsTold((url, subprotocols) => connect(WebSocket, url, subprotocols, extras));
