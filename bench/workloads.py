"""What is measured: the load of each row, and which servers and rows belong together."""
import collections


def echo(conns, size, window, *flags):
    return ["echo", "--conns", str(conns), "--size", str(size), "--window", str(window), *flags]


def answer(conns, size, window):
    return ["answer", "--conns", str(conns), "--size", str(size), "--window", str(window)]


def fan(conns, *flags, channels=1):
    sources = ["--sources", "4"] if conns > 5000 else []
    return ["fanout", "--conns", str(conns), "--channels", str(channels), "--size", "128", *sources, *flags]


def paced(rate):
    return ["--rate", str(rate)]


def window(publications):
    return ["--window", str(publications)]


IDLE_DEFLATE = ["idle", "--conns", "1000", "--touch", "2", "--size", "1024", "--payload", "json", "--deflate"]

WORKLOADS = {
    "pp-64x32": echo(64, 32, 1),
    "pp-500x1k": echo(500, 1024, 1),
    "pipe-16x64x32": echo(16, 32, 64),
    "pipe-16x32x1k": echo(16, 1024, 32),
    "mixed-16x16": echo(16, 4096, 16, "--mixed"),
    "large-8x64k-bin": echo(8, 65536, 1),
    "large-8x64k-utf8": echo(8, 65536, 1, "--payload", "utf8"),
    "large-8x64k-ascii": echo(8, 65536, 1, "--payload", "ascii"),
    "huge-4x1m": echo(4, 1048576, 1),
    "idle-10k": ["idle", "--conns", "10000", "--sources", "4", "--touch", "1", "--size", "1024"],
    "storm-10k": ["storm", "--conns", "10000", "--sources", "16", "--window", "256"],
    "connect-32": ["connect", "--conns", "32", "--sources", "16"],
    "deflate-16x1k": echo(16, 1024, 8, "--payload", "json", "--deflate"),
    "deflate-nc-16x1k": echo(16, 1024, 8, "--payload", "json", "--deflate", "--no-context"),
    # Two messages, as a window that is taken over is there after the first.
    "idle-deflate-1k": IDLE_DEFLATE,
    "idle-deflate-nc-1k": [*IDLE_DEFLATE, "--no-context"],
    "tls-64x32": echo(64, 32, 1),
    "tls-16x32x1k": echo(16, 1024, 32),
    "tls-8x64k": echo(8, 65536, 1),
    "idle-tls-10k": ["idle", "--conns", "10000", "--sources", "4", "--touch", "1", "--size", "1024"],
    "client-64x32": answer(64, 32, 1),
    "client-16x64x32": answer(16, 32, 64),
    "client-16x32x1k": answer(16, 1024, 32),
    "threads-64x32": echo(64, 32, 1),
    "threads-16x64x32": echo(16, 32, 64),
    **{f"fan-1k-w{n}": fan(1000, *window(n)) for n in (1, 2, 4, 16, 64, 256, 1024)},
    "fan-1k-50": fan(1000, *paced(50)),
    "fan-1k-200": fan(1000, *paced(200)),
    "fan-10k-w16": fan(10000, *window(16)),
    "fan-10k-10": fan(10000, *paced(10)),
    "fan-100ch-w512": fan(1000, *window(512), channels=100),
    "fan-100ch-20k": fan(1000, *paced(20000), channels=100),
    "delay-1k-50": fan(1000, *paced(50)),
    "delay-1k-200": fan(1000, *paced(200)),
    "sessions-10k": fan(10000, "--secs", "0", "--hold", "2"),
    # A server that has nothing else to do; long enough for a 99th percentile.
    "latency-1": fan(1, *paced(500), "--secs", "4"),
    "latency-100": fan(100, *paced(50), "--secs", "4"),
    # Publishers whom nobody listens to: one that waits for no answer, and sixteen that do.
    "publish-1x64": ["publish", "--conns", "1", "--window", "64", "--size", "128"],
    "publish-16x1": ["publish", "--conns", "16", "--window", "1", "--size", "128"],
}

# What a chart calls the rows that it shows.
CAPTIONS = {
    "pp-64x32": "32 B, one in flight",
    "pp-500x1k": "1 KiB, one in flight",
    "pipe-16x64x32": "32 B, 64 in flight",
    "pipe-16x32x1k": "1 KiB, 32 in flight",
    "mixed-16x16": "64 B to 4 KiB, 16 in flight",
    "large-8x64k-bin": "64 KiB, binary",
    "large-8x64k-utf8": "64 KiB, text",
    "huge-4x1m": "1 MiB",
    "fan-1k-w16": "1 000 subscribers, 16 waiting",
    "fan-1k-w256": "the same, 256 waiting",
    "fan-1k-50": "the same, 50 a second",
    "fan-1k-200": "the same, 200 a second",
    "fan-10k-w16": "10 000 subscribers, 16 waiting",
    "fan-10k-10": "the same, 10 a second",
    "fan-100ch-w512": "1 000 on 100 channels, 512 waiting",
    "fan-100ch-20k": "the same, 20 000 a second",
}

ECHOES = ["raw-epoll", "raw-tokio", "tokio-tungstenite", "tokio-tungstenite-tuned", "axum", "fastwebsockets",
          "tokio-websockets", "yawc", "yawc-tuned", "sockudo-ws", "web-socket", "soketto", "trunkline"]
# A server that takes no context over answers that clients must not either, so the two kinds have rows of their own.
TAKEOVERS = ["yawc-deflate", "sockudo-ws-deflate", "trunkline-hibernating", "trunkline-hibernating-12", "trunkline-dedicated"]
NO_TAKEOVERS = ["yawc-deflate", "sockudo-ws-deflate", "trunkline-deflate", "trunkline-stateless"]
TLS = ["raw-tls", "tokio-tungstenite-tls", "trunkline-tls"]
CLIENTS = ["client-raw", "client-tungstenite", "client-tokio-websockets", "client-trunkline"]
THREADS = ["raw-tokio", "raw-tokio-2-threads", "trunkline", "trunkline-2-threads"]
# A floor would have to speak HTTP.
HANDSHAKES = [name for name in ECHOES if not name.startswith("raw-")] + ["ws-topics", "centrifugo", "trunkline-serve"]
SERVES = ["ws-topics", "centrifugo", "centrifugo-tuned", "centrifugo-presence", "trunkline-serve", "trunkline-serve-presence"]
PUBLISHES = ["centrifugo", "centrifugo-history", "trunkline-serve", "trunkline-serve-history", "trunkline-serve-log-never",
             "trunkline-serve-log-interval", "trunkline-serve-log-always", "centrifugo-http", "trunkline-serve-http"]
LATENCIES = ["raw-fanout", "ws-topics", "centrifugo", "centrifugo-http", "trunkline-serve", "trunkline-serve-http"]
FANS = ["raw-fanout", "raw-gather", "raw-fanout-padded", "raw-gather-padded", "ws-topics", "centrifugo", "centrifugo-tuned", "trunkline-serve"]

DELAYS = ["raw-fanout", "centrifugo", "trunkline-serve", "trunkline-serve-delay"]

Part = collections.namedtuple("Part", "servers workloads")

# In the order in which they say most to a user.
PARTS = {
    "echo": Part(ECHOES, ["pp-64x32", "pp-500x1k", "pipe-16x64x32", "pipe-16x32x1k", "mixed-16x16",
                          "large-8x64k-bin", "large-8x64k-utf8", "huge-4x1m"]),
    "fanout": Part(FANS, ["fan-1k-w16", "fan-1k-w256", "fan-1k-50", "fan-1k-200", "fan-10k-w16", "fan-10k-10",
                          "fan-100ch-w512", "fan-100ch-20k"]),
    "delay": Part(DELAYS, ["delay-1k-50", "delay-1k-200"]),
    "latency": Part(LATENCIES, ["latency-1", "latency-100"]),
    "publish": Part(PUBLISHES, ["publish-1x64", "publish-16x1"]),
    "sessions": Part(SERVES, ["sessions-10k"]),
    "memory": Part(ECHOES, ["idle-10k"]),
    "handshake": Part(HANDSHAKES, ["connect-32", "storm-10k"]),
    "tls": Part(TLS, ["tls-64x32", "tls-16x32x1k", "tls-8x64k", "idle-tls-10k"]),
    "deflate": Part(TAKEOVERS, ["deflate-16x1k", "idle-deflate-1k"]),
    "deflate-nc": Part(NO_TAKEOVERS, ["deflate-nc-16x1k", "idle-deflate-nc-1k"]),
    "client": Part(CLIENTS, ["client-64x32", "client-16x64x32", "client-16x32x1k"]),
    "threads": Part(THREADS, ["threads-64x32", "threads-16x64x32"]),
}


def fresh(work):
    """Whether each run starts its server anew: memory is only comparable between processes that have done nothing
    yet, and a server that still closes a thousand subscribers is not at rest."""
    return WORKLOADS[work][0] in ("idle", "storm", "fanout")


def reference(work):
    """The floor that a row is a ratio of: what the same work costs on bare sockets."""
    load = WORKLOADS[work]
    if greeted(work):
        # With publications waiting, several can be gathered in one write; paced ones are written one by one.
        return "raw-fanout" if "--rate" in load else "raw-gather"
    if load[0] == "answer":
        return "client-raw"
    if "tls" in work:
        return "raw-tls"
    return "raw-tokio" if work.startswith("threads") else "raw-epoll"


def greeted(work):
    """Whether clients speak the server's own protocol after the handshake."""
    return WORKLOADS[work][0] in ("fanout", "publish")
