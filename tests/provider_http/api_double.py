"""An API on loopback that answers as a test says, and keeps what it was asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from avatar_core.contract.models import ConnectOptions
from avatar_core.provider_http.base_url import BaseUrl
from avatar_core.provider_http.error_table import ErrorTable
from avatar_core.provider_http.json_api import JsonApi
from avatar_core.provider_http.pool import HttpPool
from avatar_core.provider_http.secret import ApiKey, Secret

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]
KEY = "sk_live_very_secret_key"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One request as it arrived.

    Args:
        method: HTTP method.
        path: As sent, escaped, with the query.
        headers: All of them.
        body: As sent.
    """

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Clock:
    """A clock that only sleeping moves.

    Args:
        now: Its first value, in seconds.
    """

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


@dataclass(kw_only=True)
class ApiDouble:
    """Answers each request with the next of its answers, the last one again and again.

    Args:
        url: Where it listens.
        answers: What it does, in order.
    """

    url: str
    answers: list[Answer]
    asked: list[Asked] = field(default_factory=list)
    clock: Clock = field(default_factory=Clock)
    pool: HttpPool = field(default_factory=HttpPool)

    def api(self, *, secret: Secret = KEY, **settings: Any) -> JsonApi:
        """Make a client of it, whose pauses cost no time."""
        settings.setdefault("connect", ConnectOptions(timeout=5.0))
        settings.setdefault("errors", ErrorTable())
        return JsonApi(
            pool=self.pool,
            base_url=BaseUrl(self.url),
            key=ApiKey(secret),
            clock=self.clock,
            sleep=self.clock.sleep,
            wall_clock=lambda: 1_700_000_000.0,
            **settings,
        )

    @property
    def deadline(self) -> float:
        """Far away."""
        return self.clock.now + 1000.0

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Write down a request and answer it."""
        self.asked.append(
            Asked(
                method=request.method,
                path=request.raw_path,
                headers=dict(request.headers),
                body=await request.read(),
            )
        )
        index = min(len(self.asked), len(self.answers)) - 1
        return await self.answers[index](request)


@asynccontextmanager
async def open_api(*answers: Answer) -> AsyncIterator[ApiDouble]:
    """Listen on a free port of 127.0.0.1 while a test runs."""
    double = ApiDouble(url="", answers=list(answers))
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", double.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    double.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield double
    finally:
        await double.pool.aclose()
        await runner.cleanup()


def answer(
    status: int = 200,
    body: Any = None,
    *,
    text: str | None = None,
    headers: dict[str, str] | None = None,
) -> Answer:
    """Answer with JSON, or with any text."""

    async def act(_: web.Request) -> web.StreamResponse:
        if text is not None:
            return web.Response(status=status, text=text, headers=headers)
        return web.json_response(body, status=status, headers=headers)

    return act


def refusal(status: int, code: str = "some.code", **headers: str) -> Answer:
    """Answer with an API's error."""
    body = {"error": {"type": "kind", "code": code, "message": f"no {KEY}", "request_id": "req_1"}}
    return answer(status, body, headers={name.replace("_", "-"): v for name, v in headers.items()})


async def reset(request: web.Request) -> web.StreamResponse:
    """Drop the connection instead of answering."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def truncated(request: web.Request) -> web.StreamResponse:
    """Announce more than comes."""
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b'{"id": "x"')
    assert request.transport is not None
    request.transport.close()
    return response


async def huge(request: web.Request) -> web.StreamResponse:
    """Send fifty megabytes, as far as they are taken."""
    response = web.StreamResponse(status=201)
    await response.prepare(request)
    for _ in range(800):
        await response.write(b" " * 65536)
    return response


def drip(released: asyncio.Event) -> Answer:
    """Send a byte and then nothing until released."""

    async def act(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"{")
        await released.wait()
        return response

    return act
