"""Clients of websockets with its defaults: client_websockets.py URL AT_ONCE"""
import asyncio
import logging
import sys

import websockets
from websockets.asyncio.client import connect

# What peers do wrong is not worth a line each here.
logging.getLogger("websockets").setLevel(logging.CRITICAL)


async def keep_connecting(url):
    while True:
        try:
            async with connect(url, proxy=None) as ws:
                await ws.send("hello")
                async for message in ws:
                    await ws.send(message)
        except (OSError, EOFError, websockets.WebSocketException):
            pass


async def main(url, at_once):
    await asyncio.gather(*(keep_connecting(url) for _ in range(int(at_once))))


asyncio.run(main(*sys.argv[1:]))
