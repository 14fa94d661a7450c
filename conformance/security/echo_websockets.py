"""An echo of websockets with its defaults, as its documentation has it."""
import asyncio
import logging

import websockets
from websockets.asyncio.server import serve

# What peers do wrong is not worth a line each here.
logging.getLogger("websockets").setLevel(logging.CRITICAL)


async def echo(ws):
    try:
        async for message in ws:
            await ws.send(message)
    except websockets.ConnectionClosed:
        pass


async def main():
    async with serve(echo, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()
        print(f"ws://{host}:{port}", flush=True)
        await server.serve_forever()


asyncio.run(main())
