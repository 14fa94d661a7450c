"""Feeds inputs to a client: a program that connects to a URL over and over, sends `hello` when it is connected, and
then sends back what it gets."""
import base64
import hashlib
import re
import socket
from functools import partial

import heads_of_servers as heads
import inputs
from wire import PATIENCE_S, read_answer, read_frame, read_head, send

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
# How long a client may take to come back.
ABSENCE_S = 60.0


class Port:
    """Where a client connects to."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.listener.settimeout(ABSENCE_S)
        self.url = f"ws://127.0.0.1:{self.listener.getsockname()[1]}"

    def accept(self):
        """The next connection, and the head of its request."""
        stream, _ = self.listener.accept()
        stream.settimeout(10)
        return stream, read_head(stream)


def fill(answer, request):
    """The answer with what depends on the request."""
    key = re.search(rb"(?im)^sec-websocket-key: *(\S+)", request)[1]
    accept = base64.b64encode(hashlib.sha1(key + GUID).digest()).decode()
    for name, value in (("{accept}", accept), ("{accept_lower}", accept.lower()), ("{key}", key.decode())):
        answer = answer.replace(name, value)
    return answer.encode("latin-1")


def answer_head(port, answer, way):
    """What the client makes of an answer: "taken", "refused", or a close code."""
    stream, request = port.accept()
    with stream:
        send(stream, fill(answer, request), way)
        said = read_answer(stream)
        return "refused" if said == "silent" else said


def answer_early(port, data, way):
    """The same, with frames in the same segment."""
    stream, request = port.accept()
    with stream:
        send(stream, fill(heads.GOOD, request) + data, way)
        # Its hello, and our message again.
        first = read_answer(stream)
        return read_answer(stream) if first == "taken" else first


def answer_frames(port, data, way, answer, patience_s):
    """A close code, "taken" or "silent"; "cannot" where the client does not offer what the input takes."""
    stream, request = port.accept()
    with stream:
        if answer is heads.DEFLATE and b"permessage-deflate" not in request:
            return "cannot"
        send(stream, fill(answer, request), "whole")
        stream.settimeout(PATIENCE_S)
        read_frame(stream)
        send(stream, data, way)
        return read_answer(stream, patience_s)


def classes():
    """Of each class its name, how to answer, and the inputs with what is right."""
    failed = {"refused", 1002, 1010}
    yield "handshake", answer_head, [(head, failed) for head in heads.BAD]
    yield "good handshake", answer_head, [(head, "taken") for head in heads.GOOD_ONES]
    yield "early frames", answer_early, [(inputs.encode(0x81, b"early", False), "taken")]
    yield "endless heads", answer_head, [(head, failed) for head in heads.ENDLESS]
    yield "compression not offered", answer_head, [(head, failed) for head in heads.AGREEMENTS]
    for name, with_deflate, patience_s, rows in inputs.classes(masked=False):
        answer = heads.DEFLATE if with_deflate else heads.GOOD
        yield name, partial(answer_frames, answer=answer, patience_s=patience_s), rows
