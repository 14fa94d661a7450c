"""The peer "aiohttp": a server and a client."""

import asyncio
import logging
import sys

import aiohttp
from aiohttp import WSMsgType, web

from lines import ConnectionRefused, connect_as_told, say

# It refuses a message of this length already.
MESSAGE_BYTES = (16 << 20) + 1


def answers_pings(path):
    """With autoping, the default, nobody hears of a pong: the one case that waits for it does without."""
    return not path.startswith("/their-ping")


async def obey(ws, autoping):
    code, reason = 1006, ""
    async for message in ws_messages(ws):
        if message.type is WSMsgType.BINARY:
            await ws.send_bytes(message.data)
        elif message.type is WSMsgType.PING and not autoping:
            await ws.pong(message.data)
        elif message.type is WSMsgType.PONG and not autoping:
            await ws.send_str("pong")
        elif message.type is WSMsgType.CLOSE:
            code, reason = message.data or 1005, message.extra or ""
        elif message.type is WSMsgType.TEXT and not message.data.startswith("!"):
            await ws.send_str(message.data)
        elif message.type is WSMsgType.TEXT:
            closing = await command(ws, message.data[1:].split(" ", 2))
            if closing:
                return ws.close_code, ""
    return code, reason


async def ws_messages(ws):
    """Every message up to the end of the connection; iterating over `ws` itself hides the reason of a close."""
    while True:
        message = await ws.receive()
        if message.type in (WSMsgType.CLOSED, WSMsgType.CLOSING, WSMsgType.ERROR):
            return
        yield message


async def command(ws, words):
    """Gives whether the connection is closed."""
    match words:
        case ["burst", count]:
            for n in range(int(count)):
                await ws.send_str(str(n))
        case ["ping"]:
            await ws.ping()
        case ["negotiated"]:
            extensions = "permessage-deflate" if ws.compress else ""
            protocol = ws.protocol if isinstance(ws, aiohttp.ClientWebSocketResponse) else ws.ws_protocol
            await ws.send_str(f"{protocol or ''}\n{extensions}")
        case ["close", code, *reason]:
            await ws.close(code=int(code), message="".join(reason).encode())
            return True
    return False


def handler(compression):
    async def serve_one(request):
        autoping = answers_pings(request.path)
        ws = web.WebSocketResponse(
            autoping=autoping, compress=compression, max_msg_size=MESSAGE_BYTES,
            protocols=["interop.v2", "interop.v1"],
        )
        await ws.prepare(request)
        if request.path.startswith("/early"):
            await ws.send_str("early")
        code, reason = await obey(ws, autoping)
        say("closed", request.path, code, reason)
        return ws

    return serve_one


async def listen(compression):
    app = web.Application()
    app.router.add_get("/{path:.*}", handler(compression))
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    say("listening", "on" if compression else "off", f"ws://127.0.0.1:{runner.addresses[0][1]}")


async def client(url, subprotocols, compression):
    autoping = answers_pings("/" + url.split("/", 3)[3])
    async with aiohttp.ClientSession() as session:
        try:
            ws = await session.ws_connect(
                url,
                autoping=autoping, compress=15 if compression else 0, max_msg_size=MESSAGE_BYTES,
                protocols=subprotocols,
            )
        except aiohttp.ClientError as error:
            raise ConnectionRefused(error) from error
        return await obey(ws, autoping)


async def main():
    # It warns of clients that offer subprotocols it does not know.
    logging.getLogger("aiohttp").setLevel(logging.ERROR)
    can = "bom,compression,deflates,takeover,extensions,negotiated,goes-without,ping,any-close"
    say("peer", f"aiohttp {aiohttp.__version__}", can)
    if sys.argv[1] == "server":
        await listen(False)
        await listen(True)
        await asyncio.Event().wait()
    else:
        await connect_as_told(client)


asyncio.run(main())
