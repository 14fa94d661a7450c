"""How a peer talks with the program that runs it: lines of words with tabs between them, see ../README.md."""

import asyncio
import sys
from urllib.parse import urlsplit


def say(*words):
    print(*words, sep="\t", flush=True)


async def connect_as_told(client):
    """Runs `client` for each connection that is asked for on standard input, one after the other."""
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        _, url, subprotocols, compression, _page = line.rstrip("\n").split("\t")
        path = urlsplit(url).path
        try:
            code, reason = await client(url, subprotocols.split(",") if subprotocols else [], compression == "on")
        except ConnectionRefused as error:
            say("failed", path, " ".join(str(error).split()))
        else:
            say("closed", path, code, reason)


class ConnectionRefused(Exception):
    """There was no connection to obey on."""
