"""`trunkline serve` as a process of its own, its HTTP API, a line to it that can be cut, and tokens that it takes."""

import asyncio
import base64
import hashlib
import hmac
import json
import os
import re
import tempfile
import time
import urllib.request

SECRET = b"the suites of the SDKs know this secret too"
API_KEY = "the suites of the SDKs"


def token(ttl=3600, **claims):
    """A token with these claims; ttl is in seconds, and may be negative."""

    def in_base64(data):
        return base64.urlsafe_b64encode(data).rstrip(b"=")

    claims["exp"] = int(time.time()) + ttl
    signed = in_base64(b'{"alg":"HS256"}') + b"." + in_base64(json.dumps(claims).encode())
    return (signed + b"." + in_base64(hmac.digest(SECRET, signed, hashlib.sha256))).decode()


class Server:
    def __init__(self):
        self._data = tempfile.TemporaryDirectory(prefix="trunkline-sdks-")
        self._process = None
        self.port = 0

    async def start(self):
        """Starts it, the second time on the port of the first."""
        arguments = ["serve", "--config", os.environ["SERVER_CONFIG"], "--listen", f"127.0.0.1:{self.port}"]
        arguments += ["--set", f"data.dir={self._data.name}"]
        self._process = await asyncio.create_subprocess_exec(
            os.environ["TRUNKLINE"], *arguments, stdout=asyncio.subprocess.PIPE
        )
        async for line in self._process.stdout:
            if listening := re.match(rb"listening on +http://127\.0\.0\.1:(\d+)$", line):
                self.port = int(listening[1])
                return
        raise RuntimeError("the server has not started")

    async def kill(self):
        """Ends it at once, as kill -9 does."""
        self._process.kill()
        await self._process.communicate()

    async def remove(self):
        await self.kill()
        self._data.cleanup()

    async def api(self, method, **params):
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/api/{method}",
            json.dumps(params).encode(),
            {"X-API-Key": API_KEY, "Content-Type": "application/json"},
        )
        answer = await asyncio.to_thread(lambda: json.load(urllib.request.urlopen(request, timeout=20)))
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        return answer["result"]


class Line:
    """A TCP connection for each client, in the middle, so that a test can cut it."""

    def __init__(self, server):
        self._server = server
        self._listener = None
        self._ends = set()

    async def open(self):
        self._listener = await asyncio.start_server(self._join, "127.0.0.1", 0)

    @property
    def url(self):
        port = self._listener.sockets[0].getsockname()[1]
        return f"ws://127.0.0.1:{port}/connection/websocket"

    async def close(self):
        self._listener.close()
        self.cut()

    def cut(self):
        for end in self._ends:
            end.transport.abort()

    async def _join(self, reader, writer):
        try:
            onward, away = await asyncio.open_connection("127.0.0.1", self._server.port)
        except OSError:
            writer.transport.abort()
            return
        ends = {writer, away}
        self._ends |= ends
        await asyncio.gather(self._carry(reader, away), self._carry(onward, writer))
        self._ends -= ends

    @staticmethod
    async def _carry(reader, writer):
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        writer.close()
