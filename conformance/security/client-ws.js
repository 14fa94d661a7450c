// Clients of ws with its defaults: client-ws.js URL AT_ONCE
import { WebSocket } from "ws";

const [url, atOnce] = process.argv.slice(2);

function connect() {
  const socket = new WebSocket(url);
  socket.on("open", () => socket.send("hello"));
  socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary }));
  socket.on("error", () => {});
  socket.on("close", connect);
}

for (let n = 0; n < atOnce; n++) connect();
