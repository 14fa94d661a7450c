"""Requests that RFC 6455, 7692, 9110 and 9112 say a server must or should refuse: (bytes, answers), where answers are
statuses that name the fault. See inputs.py for frames, and heads_of_servers.py for the answers."""
from head import Head

KEY = "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
VERSION = "Sec-WebSocket-Version: 13\r\n"
REQUEST = Head(f"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{KEY}{VERSION}\r\n")
instead, also = REQUEST.instead, REQUEST.also

BAD_REQUEST = {400}
NO_VERSION = {400, 426}
NO_UPGRADE = {400, 404, 405, 426}


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


def offers():
    """Offers of compression that have to be declined (RFC 7692 §5 and §7.1)."""
    for bad in (
        "server_max_window_bits", "server_max_window_bits=7", "server_max_window_bits=16", "server_max_window_bits=08",
        "server_max_window_bits=x", "client_max_window_bits=7", "client_max_window_bits=16", "client_max_window_bits=08",
        "server_no_context_takeover=1", "client_no_context_takeover=x", "unknown", "unknown=1",
        "server_no_context_takeover; server_no_context_takeover", "client_max_window_bits; client_max_window_bits",
        "server_max_window_bits=9; server_max_window_bits=10",
    ):
        yield also(f"Sec-WebSocket-Extensions: permessage-deflate; {bad}\r\n")


HANDSHAKE = [(head.encode("latin-1"), answers) for head, answers in heads()]
OFFERS = [head.encode() for head in offers()]
GOOD = REQUEST.encode()
DEFLATE = also("Sec-WebSocket-Extensions: permessage-deflate\r\n").encode()
