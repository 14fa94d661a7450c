"""Feeds inputs to a server."""
import socket
from functools import partial

import heads_of_clients as heads
import inputs
from wire import PATIENCE_S, read_answer, read_head, send


def connect(url):
    host, port = url.removeprefix("ws://").rstrip("/").rsplit(":", 1)
    return socket.create_connection((host, int(port)), timeout=10)


def ask_head(url, data, way):
    """A status, "taken" or "silent"."""
    with connect(url) as stream:
        send(stream, data, way)
        stream.settimeout(PATIENCE_S)
        words = read_head(stream).split(b" ", 2)
        status = int(words[1]) if len(words) > 1 and words[1].isdigit() else None
        if status == 101:
            return "taken"
        return status if status else ended(stream)


def ask_offer(url, data, way):
    """A status, or "taken" if the offer was."""
    with connect(url) as stream:
        send(stream, data, way)
        stream.settimeout(PATIENCE_S)
        head = read_head(stream)
        if b"permessage-deflate" in head:
            return "taken"
        return int(head.split(b" ", 2)[1]) if head else "silent"


def ask_frames(url, data, way, request, patience_s):
    """A close code, "taken" or "silent"; "cannot" where the server does not agree on what the input takes."""
    with connect(url) as stream:
        stream.sendall(request)
        head = read_head(stream)
        if not head.startswith(b"HTTP/1.1 101 "):
            raise RuntimeError(f"{url} refuses a good request: {head}")
        if request is heads.DEFLATE and b"permessage-deflate" not in head:
            return "cannot"
        send(stream, data, way)
        return read_answer(stream, patience_s)


def ended(stream):
    try:
        return "silent" if not stream.recv(1) else "taken"
    except TimeoutError:
        return "taken"
    except OSError:
        return "silent"


def classes():
    """Of each class its name, how to ask, and the inputs with the right answers."""
    yield "handshake", ask_head, heads.HANDSHAKE
    # Declined: without a word about it, or with the whole request.
    yield "offers of compression", ask_offer, [(head, {101, 400}) for head in heads.OFFERS]
    for name, with_deflate, patience_s, rows in inputs.classes(masked=True):
        request = heads.DEFLATE if with_deflate else heads.GOOD
        yield name, partial(ask_frames, request=request, patience_s=patience_s), rows
