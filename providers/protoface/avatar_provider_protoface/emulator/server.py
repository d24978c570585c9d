"""The HTTP server: key, request id, envelope, faults; what it answers is in the routes."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from avatar_provider_protoface.emulator.faults import FaultQueue, misbehave
from avatar_provider_protoface.emulator.ids import new_id
from avatar_provider_protoface.emulator.problems import ApiProblemError
from avatar_provider_protoface.emulator.settings import EmulatorSettings

logger = logging.getLogger("avatar_provider_protoface.emulator")

PUBLIC = frozenset({("GET", "/v1/status"), ("GET", "/v1/billing/plans")})
CONTROL_PREFIX = "/_emulator"
KEPT_REQUESTS = 10_000
LARGEST_BODY = 20 * 1024 * 1024

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, kw_only=True)
class SeenRequest:
    """A request as it arrived, without its key.

    Args:
        method: HTTP method.
        path: Path with query, as sent.
        headers: Without ``Authorization``.
        body: JSON without the worker token, or None.
        at: Monotonic time, seconds.
        request_id: The id it was given.
    """

    method: str
    path: str
    headers: dict[str, str]
    body: Any
    at: float
    request_id: str


@dataclass(kw_only=True)
class Gate:
    """What every request passes through.

    Args:
        settings: Keys and clock.
        faults: Calls that go wrong.
        seen: The latest requests to ``/v1``, in order.
    """

    settings: EmulatorSettings
    faults: FaultQueue = field(default_factory=FaultQueue)
    seen: deque[SeenRequest] = field(default_factory=lambda: deque(maxlen=KEPT_REQUESTS))
    _closing: asyncio.Event = field(default_factory=asyncio.Event, init=False)

    def make_app(self) -> web.Application:
        """Make the application; routes are added by others."""
        self._closing.clear()
        app = web.Application(middlewares=[self._pass], client_max_size=LARGEST_BODY)
        app.on_shutdown.append(self._stop_waiting)
        return app

    async def _stop_waiting(self, _: web.Application) -> None:
        self._closing.set()

    @web.middleware
    async def _pass(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.startswith(CONTROL_PREFIX):
            return await self._answer(request, handler, "req_control")
        request_id = new_id("req", now=self.settings.clock.now())
        self.seen.append(await _seen(request, request_id))
        fault = self.faults.take(_operation(request))
        if fault is not None and fault.when == "before" and fault.answer != "true":
            logger.info("%s %s goes wrong: %s", request.method, request.path, fault.answer)
            return await misbehave(request, fault, None, closing=self._closing)
        # aiohttp does not cancel a handler whose caller has gone: what is begun is done.
        response = await self._answer(request, handler, request_id)
        if not response.prepared:
            response.headers["X-Request-Id"] = request_id
        if self.settings.log_requests:
            logger.info("%s %s %s", request.method, request.path, response.status)
        if fault is not None:
            return await misbehave(request, fault, response, closing=self._closing)
        return response

    async def _answer(
        self, request: web.Request, handler: Handler, request_id: str
    ) -> web.StreamResponse:
        try:
            if request.path.startswith("/v1"):
                self._check_key(request)
            return await handler(request)
        except ApiProblemError as problem:
            return refusal(problem, request_id)
        except web.HTTPException as exc:
            code = {404: "route.not_found", 405: "method.not_allowed", 413: "body.too_large"}
            return refusal(
                ApiProblemError(exc.status, code.get(exc.status, "http"), f"{exc.reason}."),
                request_id,
            )
        except Exception:
            logger.exception("the emulator failed; this is a bug")
            return refusal(ApiProblemError(500, "internal", "Internal error."), request_id)

    def _check_key(self, request: web.Request) -> None:
        if (request.method, request.path) in PUBLIC:
            return
        given = request.headers.get("Authorization", "")
        scheme, _, key = given.partition(" ")
        if not given:
            raise ApiProblemError(401, "api_key.missing", "No API key was given.")
        if scheme.lower() != "bearer" or not key:
            raise ApiProblemError(401, "api_key.malformed", "The API key is malformed.")
        if key in self.settings.scoped_keys:
            raise ApiProblemError(403, "api_key.scope_required", "The API key lacks a scope.")
        if key not in self.settings.api_keys:
            raise ApiProblemError(401, "api_key.unknown", "The API key is unknown or revoked.")


def refusal(problem: ApiProblemError, request_id: str) -> web.Response:
    """Return the answer for a refused request."""
    headers = {"X-Request-Id": request_id}
    if problem.retry_after is not None:
        headers["Retry-After"] = f"{problem.retry_after:g}"
    return web.json_response(problem.envelope(request_id), status=problem.status, headers=headers)


def _operation(request: web.Request) -> str:
    path, method = request.path.rstrip("/"), request.method
    if path in ("/v1/sessions", "/v1/pipecat/sessions"):
        return "create" if method == "POST" else "list"
    if path.startswith("/v1/sessions/"):
        return "end" if path.endswith("/end") else "get"
    if path.startswith("/v1/avatars"):
        return "avatars"
    return {"/v1/status": "status", "/v1/billing/quota": "quota"}.get(path, "other")


async def _seen(request: web.Request, request_id: str) -> SeenRequest:
    body: Any = None
    if request.content_type == "application/json" and request.can_read_body:
        try:
            body = json.loads(await request.read())
        except (ValueError, RecursionError, web.HTTPException):
            body = None
    if isinstance(body, dict) and isinstance(body.get("transport"), dict):
        body["transport"] = {
            name: "[redacted]" if name == "worker_token" else value
            for name, value in body["transport"].items()
        }
    return SeenRequest(
        method=request.method,
        path=request.raw_path,
        headers={n: v for n, v in request.headers.items() if n.lower() != "authorization"},
        body=body,
        at=time.monotonic(),
        request_id=request_id,
    )
