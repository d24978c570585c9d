"""The page's server: its files, a token, what happens, and what the visitor asks for."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from aiohttp import web

from avatar_core.contract.errors import AvatarError, ConfigurationError
from avatar_core.demo.live.faults import FAULTS
from avatar_core.demo.live.files import WEB, livekit_client
from avatar_core.demo.live.guard import HOST, Guard
from avatar_core.demo.live.live_call import AGENT, VISITOR, LiveCall
from avatar_core.demo.live.page_token import visitor_token

PORT = 8765
"""The one that is tried first; a taken port picks another."""

_LONGEST_BODY = 4096
_SHUTDOWN_SECONDS = 1.0
_NAMES = (
    "index.html",
    "page.css",
    "main.js",
    "connection.js",
    "stage.js",
    "timeline.js",
    "talk.js",
)
_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}


class PageServer:
    """The requests of one call's page.

    Args:
        call: What the page shows.
        guard: Who may ask.
    """

    def __init__(self, *, call: LiveCall, guard: Guard) -> None:
        self._call = call
        self._client = livekit_client()
        self.application = web.Application(
            middlewares=[guard.middleware], client_max_size=_LONGEST_BODY
        )
        self.application.on_response_prepare.append(guard.add_headers)
        root = f"/{guard.secret}"
        add = self.application.router.add_route
        add("GET", f"{root}/", self._file)
        add("GET", f"{root}/{{name}}", self._file)
        add("GET", f"{root}/vendor/livekit-client.js", self._livekit_client)
        add("GET", f"{root}/api/happenings", self._happenings)
        add("POST", f"{root}/api/visit", self._visit)
        add("POST", f"{root}/api/choose", self._choose)
        add("POST", f"{root}/api/fail", self._fail)

    async def _file(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info.get("name", "index.html")
        if name not in _NAMES:
            raise web.HTTPNotFound(text="There is nothing here.\n")
        path = WEB / name
        return web.FileResponse(
            path, headers={"Content-Type": f"{_TYPES[path.suffix]}; charset=utf-8"}
        )

    async def _livekit_client(self, _request: web.Request) -> web.StreamResponse:
        return web.FileResponse(
            self._client, headers={"Content-Type": "text/javascript; charset=utf-8"}
        )

    async def _visit(self, _request: web.Request) -> web.Response:
        """Let a visitor in: where to, with what, and what there is to choose from."""
        connection = self._call.connection
        return web.json_response(
            {
                "url": connection.url,
                "token": visitor_token(connection, identity=VISITOR),
                "agent": AGENT,
                "visitor": VISITOR,
                "speaksText": self._call.speaks_text,
                "chosen": self._call.face.chosen.title,
                "choices": [each.title for each in self._call.choices.offered],
                "faults": [{"name": each.name, "title": each.title} for each in FAULTS],
            }
        )

    async def _choose(self, request: web.Request) -> web.Response:
        title = (await _asked(request)).get("title")
        try:
            await self._call.face.choose(self._call.choices.titled(title))
        except AvatarError as exc:
            return _trouble(str(exc), status=409)
        return web.json_response({"chosen": title})

    async def _fail(self, request: web.Request) -> web.Response:
        name = (await _asked(request)).get("name")
        try:
            await self._call.fail(str(name))
        except ConfigurationError as exc:
            return _trouble(str(exc), status=400)
        except AvatarError as exc:
            # What was wanted: the page shows how the provider's failure reads.
            return web.json_response({"failed": str(exc)})
        return web.json_response({"failed": None})

    async def _happenings(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        # The page that went away is noticed by the next write.
        with suppress(ConnectionResetError):
            async for happening in self._call.happenings.follow():
                await response.write(f"data: {json.dumps(happening)}\n\n".encode())
        return response


@asynccontextmanager
async def serve(call: LiveCall, *, port: int = PORT) -> AsyncIterator[str]:
    """Serve a call's page on loopback; gives its address.

    Args:
        call: What it shows.
        port: Tried first; 0 for any.
    """
    guard = Guard(livekit_url=call.connection.url)
    server = PageServer(call=call, guard=guard)
    runner = web.AppRunner(server.application, access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, HOST, port).start()
        except OSError:
            await web.TCPSite(runner, HOST, 0).start()
        yield guard.listens_on(runner.addresses[0][1])
    finally:
        call.happenings.close()  # streams that are open would hold up the end
        with suppress(asyncio.TimeoutError):
            await runner.cleanup()


async def _asked(request: web.Request) -> dict[str, Any]:
    """Read a request's JSON object; anything else is an empty one."""
    if request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType(text="Send JSON.\n")
    try:
        body = await request.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _trouble(text: str, *, status: int) -> web.Response:
    return web.json_response({"trouble": text}, status=status)
