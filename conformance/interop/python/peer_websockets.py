"""The peer "websockets": a server and a client."""

import asyncio
import sys

import websockets
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory

from lines import ConnectionRefused, connect_as_told, say

MESSAGE_BYTES = 16 << 20


async def obey(ws):
    async for message in ws:
        if not (isinstance(message, str) and message.startswith("!")):
            await ws.send(message)
            continue
        match message[1:].split(" ", 2):
            case ["burst", count]:
                for n in range(int(count)):
                    await ws.send(str(n))
            case ["fragments", count]:
                await ws.send(f"{n:0>100}" for n in range(int(count)))
            case ["ping"]:
                asyncio.create_task(ping(ws))
            case ["negotiated"]:
                extensions = ", ".join(extension.name for extension in ws.protocol.extensions)
                await ws.send(f"{ws.subprotocol or ''}\n{extensions}")
            case ["close", code, *reason]:
                await ws.close(int(code), "".join(reason))
    return ws.close_code, ws.close_reason


async def ping(ws):
    await (await ws.ping())
    await ws.send("pong")


async def serve_one(ws):
    if ws.request.path.startswith("/early"):
        await ws.send("early")
    try:
        code, reason = await obey(ws)
    except websockets.ConnectionClosed:
        code, reason = ws.close_code, ws.close_reason
    say("closed", ws.request.path, code, reason)


def choose(_ws, offered):
    """The library's own choice refuses a client that offers none of ours."""
    return "interop.v1" if "interop.v1" in offered else None


async def listen(compression):
    extensions = [ServerPerMessageDeflateFactory()] if compression else None
    server = await serve(
        serve_one, "127.0.0.1", 0,
        compression=None, extensions=extensions, max_size=MESSAGE_BYTES,
        subprotocols=["interop.v2", "interop.v1"], select_subprotocol=choose,
    )
    port = server.sockets[0].getsockname()[1]
    say("listening", "on" if compression else "off", f"ws://127.0.0.1:{port}")
    await server.serve_forever()


async def client(url, subprotocols, compression):
    extensions = [ClientPerMessageDeflateFactory(client_max_window_bits=True)] if compression else None
    try:
        ws = await connect(
            url,
            compression=None, extensions=extensions, max_size=MESSAGE_BYTES, subprotocols=subprotocols or None, proxy=None,
        )
    except (OSError, websockets.InvalidHandshake) as error:
        raise ConnectionRefused(error) from error
    async with ws:
        try:
            return await obey(ws)
        except websockets.ConnectionClosed:
            return ws.close_code, ws.close_reason


async def main():
    can = "bom,compression,deflates,takeover,extensions,negotiated,goes-without,fragments,ping,any-close"
    say("peer", f"websockets {websockets.__version__}", can)
    if sys.argv[1] == "server":
        await asyncio.gather(listen(False), listen(True))
    else:
        await connect_as_told(client)


asyncio.run(main())
