/**
 * Centrifugo in the place of our server: shows that the pages speak its protocol and no dialect.
 *
 * What is ours alone, the static files, `/demos/*` and `/api/stats`, is answered here. Redis keeps the
 * history while Centrifugo is killed, as our server's own log does.
 */
import { createHmac } from "node:crypto";
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { connect, createServer as createTcpServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { extname, join, normalize } from "node:path";
import { end, type Server } from "./server";

const SECRET = "a-secret-of-the-browser-tests-only";
const API_KEY = "browser-tests";
const DIST = join(import.meta.dirname, "../dist");
const CSP =
  "default-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; frame-ancestors 'none'";

const NAMESPACES = [
  { name: "chat", ...open(), presence: true, join_leave: true, ...history(100) },
  { name: "board", ...open(), presence: true, join_leave: true, ...history(10_000) },
  { name: "game", ...open(), presence: true, join_leave: true },
  { name: "signals", ...open(), presence: true, join_leave: true },
  {
    name: "notifications",
    allow_user_limited_channels: true,
    allow_history_for_subscriber: true,
    ...history(100),
  },
  {
    name: "market",
    allow_subscribe_for_client: true,
    ...history(1),
    force_recovery_mode: "cache",
  },
];

function open() {
  return {
    allow_subscribe_for_client: true,
    allow_publish_for_subscriber: true,
    allow_presence_for_subscriber: true,
    allow_history_for_subscriber: true,
  };
}

function history(size: number) {
  return { history_size: size, history_ttl: "24h", force_recovery: true };
}

export async function centrifugo(binary: string): Promise<Server> {
  const folder = await mkdtemp(join(tmpdir(), "centrifugo-web-"));
  const [port, redisPort] = [await freePort(), await freePort()];
  const config = join(folder, "config.json");
  await writeFile(
    config,
    JSON.stringify({
      http_server: { address: "127.0.0.1", port: String(port) },
      engine: { type: "redis", redis: { address: `redis://127.0.0.1:${redisPort}` } },
      client: {
        token: { hmac_secret_key: SECRET },
        allowed_origins: ["*"],
        history_max_publication_limit: 300,
      },
      http_api: { key: API_KEY },
      channel: { namespaces: NAMESPACES },
      usage_stats: { disabled: true },
    }),
  );
  const redis = spawn(
    "redis-server",
    ["--port", String(redisPort), "--bind", "127.0.0.1", "--save", "", "--dir", folder],
    { stdio: "ignore" },
  );
  await reachable(redisPort);
  let child: ChildProcess;
  const start = async () => {
    child = spawn(binary, ["-c", config], { stdio: "ignore" });
    await reachable(port);
  };
  await start();
  const front = await serve(port);
  const feed = new Feed(port);
  return {
    origin: `http://127.0.0.1:${front.port}`,
    apiKey: API_KEY,
    kill: () => end(child, "SIGKILL"),
    restart: start,
    stop: async () => {
      feed.stop();
      front.close();
      await end(child, "SIGTERM");
      await end(redis, "SIGTERM");
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Pages, tokens and notifications here; the rest goes on to Centrifugo. */
async function serve(upstream: number): Promise<{ port: number; close(): void }> {
  const server = createServer((request, response) => {
    answer(upstream, request, response).catch(() => response.writeHead(502).end());
  });
  server.on("upgrade", (request, socket, head) => {
    const onward = connect(upstream, "127.0.0.1", () => {
      const headers = request.rawHeaders.reduce(
        (text, part, i) => text + part + (i % 2 ? "\r\n" : ": "),
        "",
      );
      onward.write(`GET ${request.url} HTTP/1.1\r\n${headers}\r\n`);
      onward.write(head);
      onward.pipe(socket).pipe(onward);
    });
    const drop = () => {
      onward.destroy();
      socket.destroy();
    };
    onward.on("error", drop).on("close", drop);
    socket.on("error", drop).on("close", drop);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

async function answer(upstream: number, request: IncomingMessage, response: ServerResponse) {
  const path = new URL(request.url ?? "/", "http://here").pathname;
  const json = (value: unknown, status = 200) =>
    response
      .writeHead(status, { "Content-Type": "application/json" })
      .end(typeof value === "string" ? value : JSON.stringify(value));
  if (path === "/demos/token") {
    await reachable(upstream, 1);
    const { user } = JSON.parse(await body(request)) as { user: string };
    return json({ token: jwt({ sub: user, exp: Math.floor(Date.now() / 1000) + 60 }) });
  }
  if (path === "/demos/notify") {
    const { user, ...note } = JSON.parse(await body(request)) as Record<string, unknown>;
    const data = { ...note, at: Date.now() };
    await api(upstream, "publish", {
      channel: `notifications:#${String(user)}`,
      data,
      idempotency_key: note["id"],
    });
    return json({});
  }
  if (path.startsWith("/api/")) {
    if (request.headers["x-api-key"] !== API_KEY) return json({}, 401);
    if (path === "/api/stats") return json(await stats(upstream));
    if (path === "/api/tail_token") {
      const { channel } = JSON.parse(await body(request)) as { channel: string };
      const exp = Math.floor(Date.now() / 1000) + 60;
      return json({
        token: jwt({ sub: "dashboard", exp }),
        subscription_token: jwt({ sub: "dashboard", channel, exp }),
      });
    }
    const onward = await fetch(`http://127.0.0.1:${upstream}${path}`, {
      method: "POST",
      headers: { "X-API-Key": API_KEY },
      body: await body(request),
    });
    return json(await onward.text(), onward.status);
  }
  const file = normalize(join(DIST, path, path.endsWith("/") ? "index.html" : ""));
  if (!file.startsWith(DIST)) return response.writeHead(404).end();
  const content = await readFile(file).catch(() => null);
  if (!content) return response.writeHead(404).end();
  response.writeHead(200, {
    "Content-Type": TYPES[extname(file)] ?? "application/octet-stream",
    "Content-Security-Policy": CSP,
  });
  return response.end(content);
}

const TYPES: Record<string, string> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
};

async function api(port: number, method: string, request: unknown): Promise<any> {
  const response = await fetch(`http://127.0.0.1:${port}/api/${method}`, {
    method: "POST",
    headers: { "X-API-Key": API_KEY },
    body: JSON.stringify(request),
  });
  return (await response.json()) as unknown;
}

async function stats(port: number) {
  const { result } = await api(port, "info", {});
  const node = result.nodes[0];
  const metrics = node.metrics?.items ?? {};
  return {
    time_ms: Date.now(),
    connections: node.num_clients,
    users: node.num_users,
    channels: node.num_channels,
    subscriptions: node.num_subs,
    commands_total: 0,
    publications_total: fed,
    deliveries_total: fed * node.num_subs,
    bytes_in_total: fed * 90,
    bytes_out_total: fed * 110,
    slow_disconnects_total: 0,
    refused_total: 0,
    publish_latency_us: { p50: 180 + 40 * Math.random(), p99: 700 + 300 * Math.random() },
    memory_bytes: node.process?.rss ?? 64 * 1024 * 1024,
    cpu_seconds_total: node.process?.cpu ?? 0,
    uptime_s: node.uptime,
    version: node.version,
    metrics,
  };
}

let fed = 0;

/** Prices that wander, some 300 a second. */
class Feed {
  readonly #timer: NodeJS.Timeout;
  readonly #prices: number[];
  #seq = 0;

  constructor(private readonly port: number) {
    this.#prices = SYMBOLS.map((_, i) => 20 + 17 * i);
    const open = [...this.#prices];
    this.#timer = setInterval(() => {
      const commands = Array.from({ length: 15 }, () => {
        const i = Math.floor(Math.random() * SYMBOLS.length);
        const price = (this.#prices[i]! *= 1 + (Math.random() - 0.5) * 0.002);
        return {
          publish: {
            channel: `market:${SYMBOLS[i]}`,
            data: {
              price: Number(price.toFixed(2)),
              size: 10 * Math.ceil(Math.random() * 50),
              time: Date.now(),
              open: open[i],
              seq: ++this.#seq,
            },
          },
        };
      });
      api(this.port, "batch", { commands }).then(
        () => (fed += commands.length),
        () => {},
      );
    }, 50);
  }

  stop() {
    clearInterval(this.#timer);
  }
}

const SYMBOLS =
  "ACME AURA BOLT CRUX DELT ECHO FLUX GLOW HALO IRIS JADE KITE LUMA MICA NOVA ONYX PIKA QUAY RUNE SOLA".split(
    " ",
  );

function jwt(claims: object): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const signed = `${part({ alg: "HS256", typ: "JWT" })}.${part(claims)}`;
  return `${signed}.${createHmac("sha256", SECRET).update(signed).digest("base64url")}`;
}

async function body(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts).toString();
}

async function freePort(): Promise<number> {
  const server = createTcpServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Waits until something listens at `port`. */
async function reachable(port: number, attempts = 200): Promise<void> {
  for (let left = attempts; ; left--) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect(port, "127.0.0.1", () => {
        socket.destroy();
        resolve(true);
      });
      socket.once("error", () => resolve(false));
    });
    if (open) return;
    if (left <= 1) throw new Error(`nothing listens at port ${port}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
