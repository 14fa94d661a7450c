"""Bytes and frames on a connection, whichever end of it we are."""
import random
import socket
import time

# How long a peer may think before its silence counts as consent; then how long its end may take.
PATIENCE_S = 5.0
# The same for what takes a busy machine a while: 100 MiB that have to be inflated before they are too many.
BOMB_PATIENCE_S = 60.0


def exactly(stream, count):
    data = b""
    while len(data) < count:
        part = stream.recv(count - len(data))
        if not part:
            raise EOFError
        data += part
    return data


def read_head(stream):
    """A head of HTTP, or what there was of it."""
    head = b""
    try:
        while not head.endswith(b"\r\n\r\n"):
            head += exactly(stream, 1)
    except (EOFError, OSError):
        pass
    return head


def read_frame(stream):
    first, second = exactly(stream, 2)
    length, is_masked = second & 0x7F, second & 0x80
    if length >= 126:
        length = int.from_bytes(exactly(stream, 2 if length == 126 else 8), "big")
    key = exactly(stream, 4) if is_masked else bytes(4)
    return first, bytes(byte ^ key[i % 4] for i, byte in enumerate(exactly(stream, length)))


def read_answer(stream, patience_s=PATIENCE_S):
    """What a peer does about frames: a close code, "taken" or "silent"."""
    stream.settimeout(patience_s)
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


def ways(data):
    """Whole, in two pieces, and byte by byte where it is short."""
    return ["whole", "pieces"] + (["bytes"] if len(data) <= 1000 else [])


def pieces(data, way):
    if way == "bytes":
        return [data[i:i + 1] for i in range(len(data))]
    if way == "pieces":
        cut = random.Random(len(data)).randrange(len(data) + 1)
        return [part for part in (data[:cut], data[cut:]) if part]
    return [data]


def send(stream, data, way):
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        for part in pieces(data, way):
            stream.sendall(part)
            if way == "pieces":
                # Long enough for most stacks to deliver what came as a read of its own.
                time.sleep(0.001)
    except OSError:
        pass  # A peer that has had enough may be gone before all is written.
