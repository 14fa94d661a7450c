"""What is measured: the load of each row, and which servers and rows belong together."""
import collections


def echo(conns, size, window, *flags):
    return ["echo", "--conns", str(conns), "--size", str(size), "--window", str(window), *flags]


def fan(conns, *flags, channels=1):
    sources = ["--sources", "4"] if conns > 5000 else []
    return ["fanout", "--conns", str(conns), "--channels", str(channels), "--size", "128", *sources, *flags]


def paced(rate):
    return ["--rate", str(rate)]


def window(publications):
    return ["--window", str(publications)]


WORKLOADS = {
    "pp-64x32": echo(64, 32, 1),
    "pp-500x1k": echo(500, 1024, 1),
    "pipe-16x64x32": echo(16, 32, 64),
    "pipe-16x32x1k": echo(16, 1024, 32),
    "large-8x64k-bin": echo(8, 65536, 1),
    "large-8x64k-utf8": echo(8, 65536, 1, "--payload", "utf8"),
    "large-8x64k-ascii": echo(8, 65536, 1, "--payload", "ascii"),
    "huge-4x1m": echo(4, 1048576, 1),
    "idle-10k": ["idle", "--conns", "10000", "--sources", "4", "--touch", "1", "--size", "1024"],
    "connect-32": ["connect", "--conns", "32", "--sources", "16"],
    "deflate-16x1k": echo(16, 1024, 8, "--payload", "json", "--deflate"),
    "deflate-nc-16x1k": echo(16, 1024, 8, "--payload", "json", "--deflate", "--no-context"),
    "fan-1k-w1": fan(1000, *window(1)),
    "fan-1k-w16": fan(1000, *window(16)),
    "fan-1k-w256": fan(1000, *window(256)),
    "fan-1k-50": fan(1000, *paced(50)),
    "fan-1k-200": fan(1000, *paced(200)),
    "fan-10k-w16": fan(10000, *window(16)),
    "fan-10k-10": fan(10000, *paced(10)),
    "fan-100ch-w512": fan(1000, *window(512), channels=100),
    "fan-100ch-20k": fan(1000, *paced(20000), channels=100),
}

ECHOES = ["raw-epoll", "raw-tokio", "tokio-tungstenite", "tokio-tungstenite-tuned", "axum", "fastwebsockets",
          "tokio-websockets", "yawc", "yawc-tuned", "sockudo-ws", "web-socket", "soketto", "trunkline"]
DEFLATES = ["yawc-deflate", "sockudo-ws-deflate", "trunkline-deflate"]
FANS = ["raw-fanout", "raw-gather", "ws-topics", "centrifugo", "centrifugo-tuned", "trunkline-serve"]

Part = collections.namedtuple("Part", "servers workloads")

# In the order in which they say most to a user.
PARTS = {
    "echo": Part(ECHOES, ["pp-64x32", "pp-500x1k", "pipe-16x64x32", "pipe-16x32x1k",
                          "large-8x64k-bin", "large-8x64k-utf8", "huge-4x1m"]),
    "fanout": Part(FANS, ["fan-1k-w16", "fan-1k-w256", "fan-1k-50", "fan-1k-200", "fan-10k-w16", "fan-10k-10",
                          "fan-100ch-w512", "fan-100ch-20k"]),
    "memory": Part(ECHOES, ["idle-10k"]),
    "handshake": Part(ECHOES, ["connect-32"]),
    "deflate": Part(DEFLATES, ["deflate-16x1k", "deflate-nc-16x1k"]),
}


def fresh(work):
    """Whether each run starts its server anew: memory is only comparable between processes that have done nothing
    yet, and a server that still closes a thousand subscribers is not at rest."""
    return WORKLOADS[work][0] in ("idle", "fanout")


def reference(work):
    """The floor that a row is a ratio of: what the same work costs on bare sockets."""
    load = WORKLOADS[work]
    if load[0] == "fanout":
        # With publications waiting, several can be gathered in one write; paced ones are written one by one.
        return "raw-fanout" if "--rate" in load else "raw-gather"
    return "raw-epoll"
