"""Answers to a handshake that RFC 6455, 7692, 9110 and 9112 say a client must fail at, and some that it must take.

`{key}` stands for the key of the client, `{accept}` for what proves that it was read.
"""
from head import Head

STATUS = "HTTP/1.1 101 Switching Protocols\r\n"
UPGRADE = "Upgrade: websocket\r\n"
CONNECTION = "Connection: Upgrade\r\n"
ACCEPT = "Sec-WebSocket-Accept: {accept}\r\n"
GOOD = Head(f"{STATUS}{UPGRADE}{CONNECTION}{ACCEPT}\r\n")
instead, also = GOOD.instead, GOOD.also
# What a client reads at most of a head is its own business, but for one that has no limit at all.
ENDLESS_BYTES = 16 << 20


def bad():
    wrong = "Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n"
    yield instead(ACCEPT, "")
    yield instead(ACCEPT, wrong)
    yield instead(ACCEPT, "Sec-WebSocket-Accept:\r\n")
    for near in ("{accept_lower}", "{accept}=", "x{accept}", "{key}"):
        yield instead("{accept}", near)
    yield instead(ACCEPT, wrong + ACCEPT)
    yield instead(ACCEPT, ACCEPT + wrong)
    yield instead(UPGRADE, "")
    yield instead("websocket", "websocketx")
    yield instead("websocket", "h2c")
    yield instead(CONNECTION, "")
    yield instead(CONNECTION, "Connection: close\r\n")
    for status in ("200 OK", "201 Created", "400 Bad Request", "403 Forbidden", "404 Not Found", "500 Oh"):
        # Without its length, its end would be that of the connection.
        yield instead("101 Switching Protocols", status).replace(UPGRADE, UPGRADE + "Content-Length: 0\r\n")
    for line in ("HTTPS/1.1 101 Switching Protocols", "101 Switching Protocols", "HTTP/1.1 1O1 Switching Protocols"):
        yield instead(STATUS, f"{line}\r\n")
    for line in ("X : a", ": a", "X(: a", "X"):
        yield also(f"{line}\r\n")
    yield also("Sec-WebSocket-Protocol: nobody-asked\r\n")
    yield also("Sec-WebSocket-Extensions: nobody-asked\r\n")


def agreements():
    """Compression that cannot have been agreed on (RFC 7692 §5 and §7.1)."""
    for answer in (
        "server_max_window_bits", "server_max_window_bits=7", "server_max_window_bits=16", "server_max_window_bits=08",
        "server_max_window_bits=x", "client_max_window_bits", "client_max_window_bits=7", "client_max_window_bits=16",
        "server_no_context_takeover=1", "client_no_context_takeover=x", "unknown", "unknown=1",
        "server_no_context_takeover; server_no_context_takeover",
    ):
        yield also(f"Sec-WebSocket-Extensions: permessage-deflate; {answer}\r\n")
    yield also("Sec-WebSocket-Extensions: permessage-deflate, permessage-deflate\r\n")


def endless():
    """Heads that have no end: many fields, and one."""
    field = "X-Field: " + "x" * 85 + "\r\n"
    yield GOOD[:-2] + field * (ENDLESS_BYTES // len(field))
    yield GOOD[:-2] + "X-Field: " + "x" * ENDLESS_BYTES


def good():
    yield GOOD
    yield instead(" Switching Protocols", " ")
    yield instead(" Switching Protocols", " Come in")
    yield instead("Upgrade: websocket", "UPGRADE:   WebSocket \t")
    yield instead(CONNECTION, "connection: keep-alive, upgrade\r\n")
    yield instead("Sec-WebSocket-Accept", "sec-websocket-accept")
    yield also("Date: today\r\nServer: a\r\nSet-Cookie: a=b\r\nSet-Cookie: c=d\r\nX-Empty:\r\n")


BAD, GOOD_ONES, AGREEMENTS, ENDLESS = list(bad()), list(good()), list(agreements()), list(endless())
DEFLATE = also("Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover\r\n")
