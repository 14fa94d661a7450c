// An echo of ws with its defaults, as its README has it, and compression, which servers have to ask it for.
import { WebSocketServer } from "ws";

const server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: true });
server.on("listening", () => console.log(`ws://127.0.0.1:${server.address().port}`));
server.on("connection", socket => {
  socket.on("error", () => {});
  socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary }));
});
