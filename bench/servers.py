"""Who is measured: how each server is started, and how it is spoken to."""
import os
import shutil

HERE = os.path.dirname(os.path.abspath(__file__))
# One target directory for both workspaces, if CARGO_TARGET_DIR says so; run.sh makes it absolute.
TARGET = os.environ.get("CARGO_TARGET_DIR")
BENCH_BIN = os.path.join(TARGET or os.path.join(HERE, "target"), "release")
OUR_BIN = os.path.join(TARGET or os.path.join(HERE, "..", "target"), "release")
# Where run.sh puts what npm and Go bring.
OTHERS = os.path.join(TARGET or os.path.join(HERE, "target"), "others")

# What signs the tokens of sessions that have a user.
TOKEN_SECRET = "a-secret-of-the-benchmark-and-of-nothing-else"


def peer(name, *flags):
    return {"cmd": [os.path.join(BENCH_BIN, name), "--addr", "{addr}", *flags], "raw": name.startswith("raw-")}


def echo(*flags):
    # The bound is that of the largest workload; whatever else there is stays as shipped.
    return {"cmd": [os.path.join(OUR_BIN, "trunkline"), "echo", "--listen", "{addr}", "--max-message", "1048576", *flags]}


def ours(*flags, **more):
    """Our library with what `trunkline echo` has no flags for."""
    return {"cmd": [os.path.join(OUR_BIN, "echo-ours"), "--addr", "{addr}", *flags], **more}


def client(program, *flags, **more):
    """A client that is measured; the load generator starts it and is its server."""
    return {"client": [program, "--addr", "{addr}", *flags], **more}


# "S channel" subscribes, "P channel data" publishes.
LINES = ["--hello", "S {ch}", "--ready", "ok", "--publish", "P {ch} {data}"]


ENDPOINT = "/connection/websocket"


def centrifuge(connect="{}"):
    """The client protocol that Trunkline and Centrifugo share, in JSON."""
    return ["--path", ENDPOINT,
            "--hello", '{"id":1,"connect":%s}\\n{"id":2,"subscribe":{"channel":"{ch}"}}' % connect, "--ready", '"id":2,"subscribe"',
            "--pub-hello", '{"id":1,"connect":%s}' % connect, "--pub-ready", '"id":1,"connect"',
            "--publish", '{"id":{id},"publish":{"channel":"{ch}","data":{data}}}']


IDENTIFIED = centrifuge('{"token":"{token}"}')
# As a backend publishes: a POST each, on a connection that stays.
BY_HTTP = [*centrifuge(), "--http", "/api/publish", "--http-header", "Content-Type: application/json",
           "--publish", '{"channel":"{ch}","data":{data}}']


def serve(*settings, fan=centrifuge()):
    """Our server as shipped, but for what one address and one publisher would run into."""
    unbound = ["http_api.insecure=true",
               "client.publish_rate=1000000", "client.publish_burst=1000000",
               "client.command_rate=1000000", "client.command_burst=1000000",
               "client.address_connection_limit=100000",
               "client.address_connection_rate=1000000", "client.address_connection_burst=1000000"]
    flags = [arg for setting in (*unbound, *settings) for arg in ("--set", setting)]
    return {"cmd": [os.path.join(OUR_BIN, "trunkline"), "serve", "--listen", "{addr}", *flags], "fan": fan, "path": ENDPOINT}


def centrifugo(*flags, fan=centrifuge(), env=None):
    """Centrifugo as shipped, memory engine. It has none of the bounds that ours has by default."""
    path = os.environ.get("CENTRIFUGO") or shutil.which("centrifugo") or os.path.join(OTHERS, "centrifugo")
    return {"cmd": [path, "--http_server.address", "{host}", "--http_server.port", "{port}", "--log.level", "error",
                    "--http_api.insecure", *flags],
            "fan": fan, "path": ENDPOINT, "env": env or {}, "missing": "set CENTRIFUGO to its binary, or let run.sh build it with Go"}


# What both servers are told for sessions that have a user and can be asked about.
PRESENCE = ["client.token.hmac_secret_key=" + TOKEN_SECRET,
            "channel.without_namespace.allow_subscribe_for_client=true",
            "channel.without_namespace.presence=true"]

# What both servers are told for channels that keep what was published.
HISTORY = ["channel.without_namespace.history_size=100", "channel.without_namespace.history_ttl=1h"]


def logged(fsync):
    """Our server with its log on disk, in a folder that is the run's own."""
    return serve("client.insecure=true", *HISTORY, "data.dir={folder}", f"data.fsync={fsync}")


def variables(settings):
    """Settings as variables of Centrifugo's."""
    pairs = (setting.split("=", 1) for setting in settings)
    return {"CENTRIFUGO_" + key.upper().replace(".", "_"): value for key, value in pairs}


SERVERS = {
    # Echoes.
    "raw-epoll": peer("raw-epoll"),
    "raw-tokio": peer("raw-tokio"),
    "tokio-tungstenite": peer("echo-tungstenite"),
    "tokio-tungstenite-tuned": peer("echo-tungstenite", "--tuned"),
    "axum": peer("echo-axum"),
    "fastwebsockets": peer("echo-fastwebsockets"),
    "tokio-websockets": peer("echo-tokio-websockets"),
    "yawc": peer("echo-yawc"),
    "yawc-tuned": peer("echo-yawc", "--tuned"),
    "sockudo-ws": peer("echo-sockudo"),
    "web-socket": peer("echo-web-socket"),
    "soketto": peer("echo-soketto"),
    "trunkline": echo(),
    # Echoes that compress.
    "yawc-deflate": peer("echo-yawc", "--hyper", "--deflate"),
    "sockudo-ws-deflate": peer("echo-sockudo", "--deflate"),
    "trunkline-deflate": echo("--compression"),
    "trunkline-stateless": ours("--deflate", "stateless"),
    "trunkline-hibernating": ours("--deflate", "hibernating"),
    "trunkline-hibernating-12": ours("--deflate", "hibernating", "--window-bits", "12"),
    "trunkline-dedicated": ours("--deflate", "dedicated"),
    # Echoes over TLS, all of them on rustls with ring.
    "raw-tls": {**peer("raw-tokio", "--tls"), "tls": True},
    "tokio-tungstenite-tls": {**peer("echo-tungstenite", "--tuned", "--tls"), "tls": True},
    "trunkline-tls": ours("--tls", tls=True),
    # An echo on two threads, which share the load generator's CPU where there are no more than two.
    "trunkline-2-threads": {**echo("--threads", "2"), "cpus": "0,1"},
    "raw-tokio-2-threads": {**peer("raw-tokio", "--threads", "2"), "cpus": "0,1"},
    # Clients.
    "client-raw": client(os.path.join(BENCH_BIN, "client-raw"), raw=True),
    "client-tungstenite": client(os.path.join(BENCH_BIN, "client-tungstenite"), "--tuned"),
    "client-tokio-websockets": client(os.path.join(BENCH_BIN, "client-tokio-websockets")),
    "client-trunkline": client(os.path.join(OUR_BIN, "client-ours")),
    # One publishes, many are subscribed.
    "raw-fanout": {**peer("raw-fanout"), "fan": LINES},
    "raw-gather": {**peer("raw-fanout", "--gather"), "fan": LINES},
    # The same with frames of 243 bytes instead of 132: as long as ours are, with the channel and who published.
    "raw-fanout-padded": {**peer("raw-fanout", "--pad", "111"), "fan": LINES},
    "raw-gather-padded": {**peer("raw-fanout", "--gather", "--pad", "111"), "fan": LINES},
    "raw-fanout-uring": {**peer("raw-fanout", "--uring"), "fan": LINES},
    "ws-topics": {"cmd": [shutil.which("node") or "node", os.path.join(HERE, "peers", "node", "topics.mjs"), "{host}", "{port}"],
                  "fan": LINES, "env": {"NODE_PATH": os.path.join(OTHERS, "node_modules")},
                  "missing": "install node and npm; run.sh fetches `ws`"},
    "trunkline-serve": serve("client.insecure=true"),
    "centrifugo": centrifugo("--client.insecure"),
    # With what its documentation names against memory of connections.
    "centrifugo-tuned": centrifugo("--client.insecure", env=variables(
        ["websocket.use_write_buffer_pool=true", "websocket.read_buffer_size=512"])),
    # Publications may wait for those that follow.
    "trunkline-serve-delay": serve("client.insecure=true", "client.write_delay=10ms"),
    # The same two, with a backend that publishes by HTTP.
    "trunkline-serve-http": serve("client.insecure=true", fan=BY_HTTP),
    "centrifugo-http": centrifugo("--client.insecure", fan=BY_HTTP),
    # With a history of each channel: in memory, and on disk.
    "trunkline-serve-history": serve("client.insecure=true", *HISTORY),
    "centrifugo-history": centrifugo("--client.insecure", env=variables(HISTORY)),
    "trunkline-serve-log-never": logged("never"),
    "trunkline-serve-log-interval": logged("interval"),
    "trunkline-serve-log-always": logged("always"),
    # Each subscriber shows a token of a user of its own, and the channel knows who is there.
    "trunkline-serve-presence": serve(*PRESENCE, fan=IDENTIFIED),
    "centrifugo-presence": centrifugo(fan=IDENTIFIED, env=variables(PRESENCE)),
}


def absent(name):
    """Why a server cannot be started here, or None. What run.sh always builds is never absent."""
    spec = SERVERS[name]
    if "missing" not in spec:
        return None
    program = spec["cmd"][0]
    there = os.access(program, os.X_OK) or shutil.which(program)
    if there and "NODE_PATH" in spec.get("env", {}):
        there = os.path.isdir(os.path.join(spec["env"]["NODE_PATH"], "ws"))
    return None if there else spec["missing"]
