"""Frames that RFC 6455 and 7692 say must be refused, by servers and by clients, and some that they must take.

Limits and the like are a peer's own business, and not compared; nor is what the RFCs ask of the sender alone, such as
the shortest form of a length. Each class is a list of (bytes, answers): close codes that name the fault, or "taken".
See heads_of_clients.py and heads_of_servers.py for handshakes.
"""
import zlib

from wire import BOMB_PATIENCE_S, PATIENCE_S

# More than what any of the peers takes as one message.
BOMB_BYTES = 200 << 20


def encode(first, payload, masked):
    """A frame, with the mask 1 2 3 4 if there is one."""
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


def frames(frame):
    for first in (0x81, 0x82, 0x01, 0x89, 0x8A, 0x88):
        yield frame(first, b"", wrong=True), {1002}
    for bits in range(1, 8):
        for opcode in (1, 2, 9):
            yield frame(0x80 | bits << 4 | opcode, b"hi"), {1002}
    for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15):
        yield frame(0x80 | opcode, b"hi"), {1002}
    for top in (0x80, 0xFF):
        # Too big and malformed: both name the fault.
        header = bytearray(frame(0x82, b"x" * 65536)[:-65536])
        header[2] = top
        yield bytes(header), {1002, 1009}
    yield b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", {1002}
    yield bytes(64), {1002}


def fragments(frame):
    for first in (0x80, 0x00):
        yield frame(first, b"a"), {1002}
    for first in (0x01, 0x02, 0x81, 0x82):
        yield frame(0x01, b"a") + frame(first, b"b"), {1002}


def controls(frame):
    for opcode in (8, 9, 10):
        yield frame(0x80 | opcode, b"\3\xe8" + b"x" * 124), {1002}
        yield frame(opcode, b"\3\xe8"), {1002}


def texts(frame):
    for bad in ("ff", "fe", "80", "c080", "c1bf", "e08080", "eda080", "edbfbf", "f0808080", "f4908080", "f5808080",
                "c2", "e282", "f09f98", "61ff62"):
        yield frame(0x81, bytes.fromhex(bad)), {1007}
        yield frame(0x01, b"ok") + frame(0x80, bytes.fromhex(bad)), {1007}
    # Half a character in one fragment, and something else in the next.
    yield frame(0x01, b"\xe2\x82") + frame(0x80, b"x"), {1007}


def closes(frame):
    yield frame(0x88, b"\3"), {1002}
    for code in (0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535):
        yield frame(0x88, code.to_bytes(2, "big")), {1002}
    for bad in ("ff", "c080", "eda080", "c2"):
        yield frame(0x88, b"\3\xe8" + bytes.fromhex(bad)), {1007}


def good(frame):
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


def deflated(data, dictionary=b""):
    """A message's payload (RFC 7692 §7.2.1). What it says of a dictionary lies before its own beginning."""
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -15, 9, zlib.Z_DEFAULT_STRATEGY, dictionary)
    return (squeeze.compress(data) + squeeze.flush(zlib.Z_SYNC_FLUSH)).removesuffix(b"\0\0\xff\xff")


def compressed(frame):
    hello = deflated(b"hello")
    for opcode in (8, 9, 10):
        yield frame(0xC0 | opcode, b"\3\xe8"), {1002}
    yield frame(0x41, hello[:3]) + frame(0xC0, hello[3:]), {1002}
    yield frame(0x01, b"hel") + frame(0xC0, b"lo"), {1002}
    yield frame(0xC0, hello), {1002}
    for bits in (1, 2, 3, 5, 6, 7):
        for opcode in (1, 2):
            yield frame(0x80 | bits << 4 | opcode, hello), {1002}
    for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15):
        yield frame(0xC0 | opcode, hello), {1002}
    # RFC 7692 names no code for data that is not DEFLATE's.
    broken = {1002, 1007}
    for data in (b"\7", b"\xff" * 9, b"\0\1\0\0\0x", deflated(b"abcdefgh" * 4, b"abcdefgh" * 4)):
        yield frame(0xC2, data), broken
        yield frame(0x42, data[:1]) + frame(0x80, data[1:]), broken
    for bad in ("ff", "c080", "eda080", "f4908080", "c2", "e282"):
        yield frame(0xC1, deflated(bytes.fromhex(bad))), {1007}
        yield frame(0x81, bytes.fromhex(bad)), {1007}


def bombs(frame):
    zeros = deflated(bytes(BOMB_BYTES))
    yield frame(0xC2, zeros), {1009}
    parts = [zeros[i:i + 4096] for i in range(0, len(zeros), 4096)]
    yield frame(0x42, parts[0]) + b"".join(frame(0x00, it) for it in parts[1:]) + frame(0x80), {1009}


def good_compressed(frame):
    for data in (b"", b"hello", b"x" * 125, bytes(range(256)) * 300, b"\0" * 65536):
        yield frame(0xC2, deflated(data)), "taken"
    yield frame(0xC1, deflated("\u00e4\u20ac\U0001f600".encode())), "taken"
    yield frame(0xC1, deflated(b"one")) + frame(0xC1, deflated(b"two")), "taken"
    # The examples of RFC 7692 §7.2.3: no compression, a final block, two blocks.
    for data in ("00 05 00 fa ff 48 65 6c 6c 6f 00", "f3 48 cd c9 c9 07 00 00", "f2 48 05 00 00 00 ff ff ca c9 c9 07 00"):
        yield frame(0xC1, bytes.fromhex(data)), "taken"
    hello = deflated(b"hello")
    for cut in range(len(hello) + 1):
        yield frame(0x41, hello[:cut]) + frame(0x89, b"p") + frame(0x80, hello[cut:]), "taken"
    yield frame(0x81, b"not compressed"), "taken"


def classes(masked):
    """What a client sends is masked. Of each class: its name, whether compression is agreed on first, for how long the
    peer may think, and the inputs."""
    def frame(first, payload=b"", wrong=False):
        return encode(first, payload, masked != wrong)
    plain = [("frames", frames), ("fragments", fragments), ("control frames", controls), ("UTF-8", texts),
             ("close", closes), ("good input", good)]
    deflate = [("compressed frames", compressed), ("bombs", bombs), ("good compressed", good_compressed)]
    return [(name, with_deflate, BOMB_PATIENCE_S if rows is bombs else PATIENCE_S, list(rows(frame)))
            for with_deflate, group in ((False, plain), (True, deflate)) for name, rows in group]
