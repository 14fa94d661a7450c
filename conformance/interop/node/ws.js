// The peer "ws": a server and a client.
import { readFileSync } from "node:fs";
import { WebSocket, WebSocketServer } from "ws";
import { connect, obey } from "./obey.js";
import { connectAsTold, say } from "./lines.js";

const MESSAGE_BYTES = 16 << 20;
const { version } = JSON.parse(readFileSync(new URL("node_modules/ws/package.json", import.meta.url)));
const isServer = process.argv[2] === "server";
// As a client it gives up where the server chooses no subprotocol.
const can = "bom,compression,deflates,takeover,extensions,negotiated,fragments,ping,any-close,bare-close";
say("peer", `ws ${version}`, isServer ? can + ",goes-without" : can);

const extras = socket => ({
  fragments: count => {
    for (let n = 0; n < count; n++) socket.send(String(n).padStart(100, "0"), { fin: n === count - 1 });
  },
  ping: () => {
    socket.once("pong", () => socket.send("pong"));
    socket.ping();
  },
});

function listen(compression) {
  const server = new WebSocketServer({
    host: "127.0.0.1",
    port: 0,
    maxPayload: MESSAGE_BYTES,
    perMessageDeflate: compression && { threshold: 0 },
    handleProtocols: offered => offered.has("interop.v1") && "interop.v1",
  });
  server.on("listening", () => say("listening", compression ? "on" : "off", `ws://127.0.0.1:${server.address().port}`));
  server.on("connection", (socket, { url }) => {
    obey(socket, extras(socket)).then(({ code, reason }) => say("closed", url, code, reason));
    if (url.startsWith("/early")) socket.send("early");
  });
}

if (isServer) {
  listen(false);
  listen(true);
} else {
  // ws takes subprotocols and options apart; the standard interface has no options.
  await connectAsTold((url, subprotocols, compression) => {
    class Socket extends WebSocket {
      constructor(url, options) { super(url, subprotocols, options) }
    }
    const options = { maxPayload: MESSAGE_BYTES, perMessageDeflate: compression && { threshold: 0 } };
    return connect(Socket, url, options, extras);
  });
}
