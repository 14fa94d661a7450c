"""The peer "curl_cffi": libcurl as a client. It has no compression and no way to send a text in parts."""

import asyncio

import curl_cffi
from curl_cffi import AsyncSession, CurlWsFlag
from curl_cffi.requests.exceptions import RequestException
from curl_cffi.requests.websockets import WebSocketClosed

from lines import ConnectionRefused, connect_as_told, say

MESSAGE_BYTES = 16 << 20


async def obey(ws):
    while True:
        try:
            data, flags = await ws.recv()
        except WebSocketClosed:
            return ws.close_code, ws.close_reason
        if flags & CurlWsFlag.CLOSE:
            return ws.close_code, ws.close_reason
        kind = CurlWsFlag.TEXT if flags & CurlWsFlag.TEXT else CurlWsFlag.BINARY
        if not (kind is CurlWsFlag.TEXT and data.startswith(b"!")):
            await ws.send(data, kind)
            continue
        match data[1:].decode().split(" ", 2):
            case ["burst", count]:
                for n in range(int(count)):
                    await ws.send(str(n), CurlWsFlag.TEXT)
            case ["close", code, *reason]:
                await ws.close(int(code), "".join(reason))
                return ws.close_code, ws.close_reason


async def client(url, subprotocols, _compression):
    # libcurl knows of no subprotocols: applications offer them by header.
    headers = {"Sec-WebSocket-Protocol": ", ".join(subprotocols)} if subprotocols else {}
    async with AsyncSession() as session:
        try:
            ws = await session.ws_connect(url, headers=headers, max_message_size=MESSAGE_BYTES, proxy="")
        except (RequestException, curl_cffi.CurlError) as error:
            raise ConnectionRefused(error) from error
        async with ws:
            return await obey(ws)


async def main():
    libcurl = curl_cffi.__curl_version__.split()[0]
    say("peer", f"curl_cffi {curl_cffi.__version__} ({libcurl})", "bom,goes-without,any-close")
    await connect_as_told(client)


asyncio.run(main())
