// Topics over `ws`: "S channel" subscribes, "P channel data" publishes, a send for each subscriber.
import { createRequire } from "node:module";

// Out of NODE_PATH, which `import` does not look at: nothing is installed into the sources.
const { WebSocketServer } = createRequire(import.meta.url)("ws");
const [host, port] = process.argv.slice(2);
const topics = new Map();

function subscribe(socket, channel) {
  if (!topics.has(channel)) topics.set(channel, new Set());
  topics.get(channel).add(socket);
  socket.on("close", () => topics.get(channel).delete(socket));
  socket.send("ok");
}

function publish(line) {
  const space = line.indexOf(" ", 2);
  const data = line.slice(space + 1);
  for (const socket of topics.get(line.slice(2, space)) ?? []) socket.send(data);
}

const server = new WebSocketServer({ host, port: Number(port), perMessageDeflate: false, backlog: 4096 });
server.on("connection", (socket) => {
  socket.on("message", (data) => {
    const line = data.toString();
    if (line[0] === "S") subscribe(socket, line.slice(2));
    else if (line[0] === "P") publish(line);
  });
});
