"""A server in front of the emulator that keeps every request as it came, key and token included."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import aiohttp
from aiohttp import web


@dataclass(frozen=True, kw_only=True)
class RecordedRequest:
    """One request, byte for byte.

    Args:
        method: HTTP method.
        target: Path and query, as sent.
        headers: Names as sent, in order.
        body: Bytes.
    """

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def fields(self) -> dict[str, Any]:
        """Return every field there is by a name with dots: path, query, headers, body, token."""
        url = urlsplit(self.target)
        fields: dict[str, Any] = {"method": self.method, "path": url.path}
        fields.update({f"query {name}": value for name, value in parse_qsl(url.query)})
        for name, value in self.headers:
            assert f"header {name.lower()}" not in fields, "a header that is sent twice"
            fields[f"header {name.lower()}"] = value
        if self.body:
            body = json.loads(self.body)
            transport = body.get("transport", {})
            if "worker_token" in transport:
                head, claims = read_token(transport.pop("worker_token"))
                fields.update(flat("token header", head))
                fields.update(flat("token", claims))
            fields.update(flat("body", body))
        else:
            fields["body"] = None
        return fields


@dataclass(kw_only=True)
class Recorder:
    """What was recorded.

    Args:
        url: Where clients send to.
        requests: In order.
    """

    url: str
    requests: list[RecordedRequest] = field(default_factory=list)

    def take(self) -> list[RecordedRequest]:
        """Return what came since the last time."""
        taken, self.requests = self.requests, []
        return taken


@asynccontextmanager
async def recording(upstream: str) -> AsyncIterator[Recorder]:
    """Pass requests on to another server, and keep them.

    Args:
        upstream: Its url.
    """
    app = web.Application()
    async with aiohttp.ClientSession() as session:

        async def pass_on(request: web.Request) -> web.Response:
            body = await request.read()
            headers = tuple((name.decode(), value.decode()) for name, value in request.raw_headers)
            recorder.requests.append(
                RecordedRequest(
                    method=request.method, target=request.raw_path, headers=headers, body=body
                )
            )
            async with session.request(
                request.method, upstream + request.raw_path, data=body, headers=request.headers
            ) as answer:
                return web.Response(
                    status=answer.status,
                    body=await answer.read(),
                    content_type=answer.content_type,
                )

        app.router.add_route("*", "/{path:.*}", pass_on)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            recorder = Recorder(url=f"http://127.0.0.1:{runner.addresses[0][1]}")
            yield recorder
        finally:
            await runner.cleanup()


def read_token(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return header and claims of a JWT; its signature is the LiveKit server's business."""
    head, claims, _ = (
        base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in token.split(".")
    )
    return json.loads(head), json.loads(claims)


def flat(name: str, value: Any) -> dict[str, Any]:
    """Return a tree of objects as names with dots."""
    if not isinstance(value, dict):
        return {name: value}
    found: dict[str, Any] = {}
    for key, each in value.items():
        found.update(flat(f"{name}.{key}", each))
    return found
