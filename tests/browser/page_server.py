"""Serves a page of ES modules, with livekit-client straight from node_modules, on loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web

LIVEKIT_CLIENT = Path(__file__).parents[2] / "node_modules" / "livekit-client" / "dist"


@asynccontextmanager
async def serve_page(folder: Path, *, url: str, token: str) -> AsyncIterator[str]:
    """Serve a folder and what its page needs to join a room; gives the page's address.

    Args:
        folder: Holds ``index.html``.
        url: Of the LiveKit server, given out at ``/connection`` with the token.
        token: The visitor's.
    """
    assert LIVEKIT_CLIENT.is_dir(), "no livekit-client: run `python -m scripts.browser`"

    async def connection(_request: web.Request) -> web.Response:
        return web.json_response({"url": url, "token": token})

    application = web.Application()
    application.router.add_get("/connection", connection)
    application.router.add_static("/livekit-client", LIVEKIT_CLIENT)
    application.router.add_static("/", folder)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        yield f"http://{host}:{port}/index.html"
    finally:
        await runner.cleanup()
