// A peer over the standard WebSocket interface: loaded by Node for ws and undici, by Chromium as a script of the page.
// What the commands mean is in ../README.md.

/// Obeys what comes on `socket` until it is closed. `extras` are the commands that the standard interface has no word
/// for, by name.
export function obey(socket, extras = {}) {
  const commands = {
    burst: count => { for (let n = 0; n < count; n++) socket.send(String(n)) },
    negotiated: () => socket.send(`${socket.protocol}\n${socket.extensions}`),
    close: (code, ...reason) => code ? socket.close(Number(code), reason.join(" ")) : socket.close(),
    ...extras,
  };
  socket.binaryType = "arraybuffer";
  socket.addEventListener("message", ({ data }) => {
    if (typeof data !== "string" || !data.startsWith("!")) return socket.send(data);
    const [name, ...words] = data.slice(1).split(" ");
    commands[name](...words);
  });
  return new Promise(closed => socket.addEventListener("close", ({ code, reason }) => closed({ code, reason })));
}

/// Connects with `WebSocket` and obeys; gives how the connection was closed, or why there was none.
export function connect(WebSocket, url, options, extras) {
  let socket;
  return new Promise(resolve => {
    socket = new WebSocket(url, options);
    let failure = "";
    socket.addEventListener("error", event => { failure = event.message || "error" });
    let opened = false;
    socket.addEventListener("open", () => { opened = true });
    obey(socket, extras?.(socket)).then(closed => resolve(opened ? closed : { failed: failure || "closed" }));
  });
}
