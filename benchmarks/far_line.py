"""A way to a server on this machine that takes as long as one across a continent.

What is sent arrives half a round trip later, in either direction, however much is under way. The
kernel completes TCP's own handshake before anything here can delay it, so the first bytes of a
connection wait a whole round trip more: to whoever sends them that is the same.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

HOST = "127.0.0.1"
CHUNK = 64 * 1024

Connected = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def carry(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, delay: float, first: float
) -> None:
    """Pass bytes on until the end of them.

    Args:
        reader: Where they come from.
        writer: Where they go.
        delay: Seconds they are under way.
        first: Seconds the first ones, and what is behind them, wait besides.
    """
    loop = asyncio.get_running_loop()
    under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    async def take() -> None:
        wait = first
        while True:
            try:
                chunk = await reader.read(CHUNK)
            except ConnectionError:
                chunk = b""
            under_way.put_nowait((loop.time() + delay + wait, chunk))
            wait = 0.0
            if not chunk:
                return

    taking = asyncio.create_task(take())
    try:
        while True:
            due, chunk = await under_way.get()
            await asyncio.sleep(due - loop.time())
            if not chunk:
                return
            writer.write(chunk)
            await writer.drain()
    except ConnectionError:
        return  # the other end has gone, and with it whoever waits for these bytes
    finally:
        taking.cancel()
        writer.close()
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            await writer.wait_closed()


def forward(port: int, *, delay: float = 0.0, first: float = 0.0) -> Connected:
    """Return what connects each caller to a port of this machine."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(HOST, port)
        await asyncio.gather(
            carry(reader, back, delay=delay, first=first),
            carry(there, writer, delay=delay, first=0.0),
        )

    return connected


@asynccontextmanager
async def far_away(port: int, *, tls: ssl.SSLContext, round_trip: float) -> AsyncIterator[int]:
    """Put TLS and a long way in front of a plain server; gives the port of its far end.

    Args:
        port: Where the plain server listens on this machine.
        tls: With the certificate.
        round_trip: Seconds there and back.
    """
    encrypted = await asyncio.start_server(forward(port), HOST, 0, ssl=tls)
    near_port = encrypted.sockets[0].getsockname()[1]
    line = forward(near_port, delay=round_trip / 2, first=round_trip)
    far = await asyncio.start_server(line, HOST, 0)
    async with encrypted, far:
        yield far.sockets[0].getsockname()[1]
