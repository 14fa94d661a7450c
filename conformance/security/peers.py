#!/usr/bin/env python3
"""peers.py NAME URL [NAME URL]...

Feeds the inputs of inputs.py to the echo servers at the URLs, and prints a table in Markdown: how many of each class
each of them answered. Only counts are kept. See conformance/security-peers.sh.

Each input is sent whole, byte by byte where it is short, and in two random pieces (from a seed). An answer counts as
*right* if the status or the close code names the fault, before the connection ends; as *other* if it is another one;
as *silent* if the connection ends without one; as *taken* if the input was accepted or nothing happened for a while.
"""
import random
import socket
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import inputs  # noqa: E402

# How long a server may think before its silence counts as consent; then how long its end may take.
PATIENCE_S = 2.0
OUTCOMES = ["right", "other", "silent", "taken"]


def connect(url):
    host, port = url.removeprefix("ws://").rstrip("/").rsplit(":", 1)
    stream = socket.create_connection((host, int(port)), timeout=10)
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return stream


def read_head(stream):
    """The head of an answer, or what there was of it."""
    head = b""
    try:
        while not head.endswith(b"\r\n\r\n"):
            byte = stream.recv(1)
            if not byte:
                break
            head += byte
    except OSError:
        pass
    return head


def exactly(stream, count):
    data = b""
    while len(data) < count:
        part = stream.recv(count - len(data))
        if not part:
            raise EOFError
        data += part
    return data


def read_frame(stream):
    first, length = exactly(stream, 2)
    if length >= 126:
        length = int.from_bytes(exactly(stream, 2 if length == 126 else 8), "big")
    return first, exactly(stream, length)


def pieces(data, way):
    if way == "bytes":
        return [data[i:i + 1] for i in range(len(data))]
    if way == "pieces":
        cut = random.Random(len(data)).randrange(len(data) + 1)
        return [part for part in (data[:cut], data[cut:]) if part]
    return [data]


def send(stream, data, way):
    try:
        for part in pieces(data, way):
            stream.sendall(part)
            if way == "pieces":
                # Long enough for most stacks to deliver what came as a read of its own.
                time.sleep(0.001)
    except OSError:
        pass  # A server that has had enough may be gone before all is written.


def ask_head(url, data, way):
    with connect(url) as stream:
        send(stream, data, way)
        stream.settimeout(PATIENCE_S)
        words = read_head(stream).split(b" ", 2)
        status = int(words[1]) if len(words) > 1 and words[1].isdigit() else None
        if status == 101:
            return "taken"
        return status if status else ended(stream)


def ask_frames(url, data, way):
    with connect(url) as stream:
        stream.sendall(inputs.GOOD.encode())
        head = read_head(stream)
        if b" 101 " not in head.split(b"\r\n")[0]:
            raise RuntimeError(f"{url} refuses a good request: {head}")
        send(stream, data, way)
        stream.settimeout(PATIENCE_S)
        try:
            while True:
                first, payload = read_frame(stream)
                if first & 0x0F in (0, 1, 2):
                    return "taken"
                if first & 0x0F == 8:
                    return int.from_bytes(payload[:2], "big") if payload else 1005
        except TimeoutError:
            return "taken"
        except (EOFError, OSError):
            return "silent"


def ended(stream):
    try:
        return "silent" if not stream.recv(1) else "taken"
    except TimeoutError:
        return "taken"
    except OSError:
        return "silent"


def judge(got, answers):
    if answers == "taken":
        return "right" if got == "taken" else "silent" if got == "silent" else "other"
    return got if got in ("taken", "silent") else "right" if got in answers else "other"


def cases(data):
    return ["whole", "pieces"] + (["bytes"] if len(data) <= 1000 else [])


def count(url):
    """How many inputs of each class were answered in which way."""
    counts = {}
    with ThreadPoolExecutor(16) as pool:
        for name, rows in inputs.CLASSES:
            ask = ask_head if name == "handshake" else ask_frames
            todo = [(data, answers, way) for data, answers in rows for way in cases(data)]
            got = pool.map(lambda it: judge(ask(url, it[0], it[2]), it[1]), todo)
            counts[name] = Counter(got)
    return counts


def cell(counter):
    others = ", ".join(f"{counter[it]} {it}" for it in OUTCOMES[1:] if counter[it])
    return f"{counter['right']}" + (f" ({others})" if others else "")


def main():
    names, urls = sys.argv[1::2], sys.argv[2::2]
    found = [count(url) for url in urls]
    print(f"| class | inputs | {' | '.join(names)} |\n|---|---:|{'---|' * len(names)}")
    for name, _ in inputs.CLASSES:
        total = sum(found[0][name].values())
        print(f"| {name} | {total} | {' | '.join(cell(it[name]) for it in found)} |")
    sums = [sum(it.values(), Counter()) for it in found]
    print(f"| all | {sum(sums[0].values())} | {' | '.join(cell(it) for it in sums)} |")
    # Ours is the first, and has to be right everywhere.
    wrong = sum(sums[0].values()) - sums[0]["right"]
    sys.exit(3 if wrong else 0)


if __name__ == "__main__":
    main()
