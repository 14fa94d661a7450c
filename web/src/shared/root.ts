/** The address of the index page. Each page says in `<body data-root>` how far up that is. */
export const root = new URL(document.body.dataset["root"] ?? "./", location.href);

/** The address of `path` on this server. */
export function address(path: string): URL {
  return new URL(path, root);
}

/** The address of the WebSocket endpoint of this server. */
export function socketAddress(): string {
  const url = address("connection/websocket");
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url.href;
}
