"""Inputs that RFC 6455, 9110 and 9112 say a server must or should refuse, and some that it must take.

Limits, origins and the like are a server's own business, and not compared; nor is what the RFCs ask of the sender alone,
such as the shortest form of a length.
Each class is a list of (bytes, answers): statuses or close codes that name the fault, or "taken".
"""

KEY = "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
VERSION = "Sec-WebSocket-Version: 13\r\n"
GOOD = f"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{KEY}{VERSION}\r\n"

BAD_REQUEST = {400}
NO_VERSION = {400, 426}
NO_UPGRADE = {400, 404, 405, 426}


def instead(what, other):
    assert what in GOOD, what
    return GOOD.replace(what, other, 1)


def also(fields):
    return GOOD[:-2] + fields + "\r\n"


def heads():
    host = "Host: 127.0.0.1\r\n"
    yield instead(host, ""), BAD_REQUEST
    yield also(host), BAD_REQUEST
    for bad in ("a b", "a b[::", "%zz", "a/b", "a@b", "[::1", "a:x"):
        yield instead(host, f"Host: {bad}\r\n"), BAD_REQUEST
    yield instead(KEY, ""), BAD_REQUEST
    yield also(KEY), BAD_REQUEST
    for bad in ("", "AAAA", "AAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAAA=", "!AAAAAAAAAAAAAAAAAAAAA=="):
        yield instead(KEY, f"Sec-WebSocket-Key: {bad}\r\n"), BAD_REQUEST
    yield instead(VERSION, ""), NO_VERSION
    for bad in ("0", "7", "8", "12", "14", "x"):
        yield instead("Version: 13", f"Version: {bad}"), NO_VERSION
    yield instead("Upgrade: websocket\r\n", ""), NO_UPGRADE
    yield instead("Upgrade: websocket", "Upgrade: websocketx"), NO_UPGRADE
    yield instead("Connection: Upgrade", "Connection: close"), NO_UPGRADE
    for bad in ("POST", "PUT", "HEAD"):
        yield instead("GET", bad), {400, 405, 426, 501}
    yield instead("HTTP/1.1", "HTTP/1.0"), {400, 426, 505}
    for bad in ("X : a", "X\t: a", ": a", "X(: a", "X"):
        yield also(f"{bad}\r\n"), BAD_REQUEST
    yield instead("GET / HTTP/1.1", "GET /a b HTTP/1.1"), BAD_REQUEST
    yield instead("GET / HTTP/1.1", "GET / HTTPS/1.1"), BAD_REQUEST | {505}
    yield instead("GET / HTTP/1.1", "GET /"), BAD_REQUEST | {505}


def frame(first, payload=b"", masked=True):
    """A frame with the mask 1 2 3 4."""
    size, bit = len(payload), 0x80 if masked else 0
    if size < 126:
        length = bytes([bit | size])
    elif size < 65536:
        length = bytes([bit | 126]) + size.to_bytes(2, "big")
    else:
        length = bytes([bit | 127]) + size.to_bytes(8, "big")
    if not masked:
        return bytes([first]) + length + payload
    key = b"\1\2\3\4"
    return bytes([first]) + length + key + bytes(byte ^ key[i % 4] for i, byte in enumerate(payload))


def frames():
    for first in (0x81, 0x82, 0x01, 0x89, 0x8A, 0x88):
        yield frame(first, b"", masked=False), {1002}
    for bits in range(1, 8):
        for opcode in (1, 2, 9):
            yield frame(0x80 | bits << 4 | opcode, b"hi"), {1002}
    for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15):
        yield frame(0x80 | opcode, b"hi"), {1002}
    for top in (0x80, 0xFF):
        # Too big and malformed: both name the fault.
        yield bytes([0x82, 0xFF, top]) + bytes(7) + b"\1\2\3\4", {1002, 1009}
    yield GOOD.encode(), {1002}
    yield bytes(64), {1002}


def fragments():
    for first in (0x80, 0x00):
        yield frame(first, b"a"), {1002}
    for first in (0x01, 0x02, 0x81, 0x82):
        yield frame(0x01, b"a") + frame(first, b"b"), {1002}


def controls():
    for opcode in (8, 9, 10):
        yield frame(0x80 | opcode, b"\3\xe8" + b"x" * 124), {1002}
        yield frame(opcode, b"\3\xe8"), {1002}


def texts():
    for bad in ("ff", "fe", "80", "c080", "c1bf", "e08080", "eda080", "edbfbf", "f0808080", "f4908080", "f5808080",
                "c2", "e282", "f09f98", "61ff62"):
        yield frame(0x81, bytes.fromhex(bad)), {1007}
        yield frame(0x01, b"ok") + frame(0x80, bytes.fromhex(bad)), {1007}
    # Half a character in one fragment, and something else in the next.
    yield frame(0x01, b"\xe2\x82") + frame(0x80, b"x"), {1007}


def closes():
    yield frame(0x88, b"\3"), {1002}
    for code in (0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535):
        yield frame(0x88, code.to_bytes(2, "big")), {1002}
    for bad in ("ff", "c080", "eda080", "c2"):
        yield frame(0x88, b"\3\xe8" + bytes.fromhex(bad)), {1007}


def good():
    """What must not be refused: whoever refuses everything is not safe but off."""
    for size in (0, 1, 125, 126, 65535, 65536):
        yield frame(0x82, b"x" * size), "taken"
    for text in ("", "hello", "\u00e4\u20ac\U0001f600", "\ufeff", "\0", "\uffff"):
        yield frame(0x81, text.encode()), "taken"
    for cut in range(1, 4):
        char = "\U0001f600".encode()
        yield frame(0x01, char[:cut]) + frame(0x89, b"p") + frame(0x80, char[cut:]), "taken"
    yield frame(0x02, b"") + frame(0x00, b"") + frame(0x80, b"a"), "taken"
    yield frame(0x8A, b"nobody asked") + frame(0x81, b"hi"), "taken"
    yield frame(0x89, b"p") * 20 + frame(0x81, b"hi"), "taken"
    for code in (1000, 1001, 1002, 1003, 1007, 1011, 3000, 3999, 4000, 4999):
        yield frame(0x88, code.to_bytes(2, "big") + "\u00e4".encode()), {code}


CLASSES = [
    ("handshake", [(head.encode("latin-1"), answers) for head, answers in heads()]),
    ("frames", list(frames())),
    ("fragments", list(fragments())),
    ("control frames", list(controls())),
    ("UTF-8", list(texts())),
    ("close", list(closes())),
    ("good input", list(good())),
]
