"""A vendor's HTTP API on loopback: answers as a test says, goes wrong when told to, sends avatars.

It runs in a thread of its own, so that it answers also while the test's event loop stands still::

    api = ...                                    # the fixture ``scripted_api``

    @api.on("POST", "/v1/sessions")
    async def create(call: ApiCall) -> ApiAnswer:
        await api.send_avatar("s1", url=call.json["url"], token=call.json["token"], agent=...)
        return ApiAnswer(status=201, body={"id": "s1"})

    api.fail("down")
    ...
    api.heal()
"""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

import aiohttp
from aiohttp import web
from typing_extensions import Self
from yarl import URL

from avatar_core.testing.plain_face import PlainFace
from avatar_core.worker.avatar_worker import AvatarWorker
from avatar_core.worker.options import WorkerOptions

ApiFault = Literal["down", "slow", "garbled", "dropped"]
"""Connections break; no answer comes; what is asked is done, and the answer is nonsense, or the
connection breaks instead of it."""

GARBAGE = "<html><body>Welcome to nginx!</body></html>"
_WORKER_OPTIONS = WorkerOptions()
_PASSED_ON = frozenset({"content-type", "retry-after", "x-request-id"})
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiCall:
    """One request as it arrived.

    Args:
        method: HTTP method.
        path: As sent, with the query.
        headers: All of them; names in any case.
        json: The body, parsed; None without one.
        arguments: What stands in the places of ``{name}`` in the route's path.
    """

    method: str
    path: str
    headers: Mapping[str, str] = field(repr=False)
    json: Any = field(repr=False)
    arguments: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiAnswer:
    """What is answered.

    Args:
        status: HTTP status.
        body: Sent as JSON; None for an empty one.
    """

    status: int = 200
    body: Any = None


Handler = Callable[[ApiCall], Awaitable[ApiAnswer]]


class ScriptedApi:
    """A server on 127.0.0.1; run it by ``ScriptedApi.run()``.

    Args:
        upstream: Address of another API, an emulator mostly, that answers what no route does.
    """

    def __init__(self, *, upstream: str | None = None) -> None:
        self.url = ""
        self.upstream = upstream
        self.key: str | None = None
        """A call that carries this nowhere in its headers is answered with 401; None: all may."""
        self.calls: list[ApiCall] = []
        """What was asked, in order."""
        self._routes: list[tuple[str, re.Pattern[str], Handler]] = []
        self._avatars: dict[str, AvatarWorker] = {}
        self._fault: ApiFault | None = None
        self._fault_at = ""
        self._loop = asyncio.new_event_loop()
        self._healed: asyncio.Event | None = None
        self._client: aiohttp.ClientSession | None = None

    @classmethod
    @contextmanager
    def run(cls, *, upstream: str | None = None) -> Iterator[Self]:
        """Serve while the context is open; avatars that are left leave their rooms then.

        Args:
            upstream: Address of another API that answers what no route does.
        """
        api = cls(upstream=upstream)
        thread = threading.Thread(target=api._loop.run_forever, name="scripted-api", daemon=True)
        thread.start()
        try:
            serving = api._do(api._start())
            try:
                yield api
            finally:
                api._do(api._stop(serving))
        finally:
            api._loop.call_soon_threadsafe(api._loop.stop)
            thread.join()
            api._loop.close()

    def on(self, method: str, path: str) -> Callable[[Handler], Handler]:
        """Let a function answer; it runs in the API's thread.

        Args:
            method: HTTP method.
            path: Such as ``/v1/sessions/{id}/end``.
        """
        pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(path))

        def add(handler: Handler) -> Handler:
            self._routes.append((method, re.compile(pattern), handler))
            return handler

        return add

    def fail(self, fault: ApiFault, *, at: str = "/") -> None:
        """Let every call go wrong until ``heal``.

        Args:
            fault: How.
            at: Only calls whose path begins so.
        """
        self._do(self._set_fault(fault, at))

    def heal(self) -> None:
        """Answer as told again; calls that were held break off."""
        self._do(self._set_fault(None))

    async def send_avatar(
        self,
        session_id: str,
        *,
        url: str,
        token: str,
        agent: str,
        options: WorkerOptions = _WORKER_OPTIONS,
    ) -> None:
        """Let a real avatar with a plain face join a room; for a route's function.

        Args:
            session_id: For ``end_avatar``.
            url: LiveKit server.
            token: The avatar's room token.
            agent: Identity of the agent whose speech it says.
            options: How it publishes and leaves, and its faults.
        """
        worker = AvatarWorker(renderer=PlainFace(), agent_identity=agent, options=options)
        self._avatars[session_id] = worker
        await worker.start(url, token)

    async def end_avatar(self, session_id: str) -> bool:
        """Let one leave; returns whether there was one.

        Args:
            session_id: As given to ``send_avatar``.
        """
        worker = self._avatars.pop(session_id, None)
        if worker is not None:
            await worker.aclose()
        return worker is not None

    def avatar(self, session_id: str) -> AvatarWorker:
        """Return one that was sent, to let it misbehave.

        Args:
            session_id: As given to ``send_avatar``.
        """
        return self._avatars[session_id]

    @property
    def avatars(self) -> tuple[str, ...]:
        """Sessions whose avatar was sent and not ended."""
        return tuple(self._avatars)

    # --- in its own thread ---------------------------------------------------------------------

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _start(self) -> web.AppRunner:
        self._healed = asyncio.Event()
        self._client = aiohttp.ClientSession(auto_decompress=False)
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        return runner

    async def _stop(self, runner: web.AppRunner) -> None:
        await self._set_fault(None)
        await runner.cleanup()
        assert self._client is not None
        await self._client.close()
        await self._end_avatars()
        # What a route has begun and nobody waits for.
        begun = asyncio.all_tasks() - {asyncio.current_task()}
        for task in begun:
            task.cancel()
        await asyncio.gather(*begun, return_exceptions=True)
        await self._end_avatars()

    async def _end_avatars(self) -> None:
        for session_id in self.avatars:
            await self.end_avatar(session_id)

    async def _set_fault(self, fault: ApiFault | None, at: str = "/") -> None:
        assert self._healed is not None
        self._fault, self._fault_at = fault, at
        if fault is None:
            self._healed.set()
        else:
            self._healed.clear()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        call = ApiCall(
            method=request.method,
            path=request.raw_path,
            headers=request.headers,
            json=_parsed(body),
            arguments={},
        )
        self.calls.append(call)
        fault = self._fault if call.path.startswith(self._fault_at) else None
        if fault == "slow":
            assert self._healed is not None
            await self._healed.wait()
        answer = web.Response()
        if fault not in ("down", "slow"):
            answer = await self._true_answer(call, body)
        if fault == "garbled":
            return web.Response(text=GARBAGE, content_type="text/html")
        if fault is not None and request.transport is not None:
            request.transport.abort()
        return answer

    async def _true_answer(self, call: ApiCall, body: bytes) -> web.Response:
        if self.key is not None and not any(self.key in value for value in call.headers.values()):
            return _json(ApiAnswer(status=401, body={"error": {"code": "key_refused"}}))
        path = call.path.partition("?")[0]
        for method, pattern, handler in self._routes:
            found = pattern.fullmatch(path)
            if method == call.method and found is not None:
                return _json(await handler(_with(call, found.groupdict())))
        if self.upstream is None:
            return _json(ApiAnswer(status=404, body={"error": {"code": "no_such_route"}}))
        return await self._pass_on(call, body, self.upstream)

    async def _pass_on(self, call: ApiCall, body: bytes, upstream: str) -> web.Response:
        assert self._client is not None
        left_out = {"host", "content-length", "transfer-encoding", "connection"}
        headers = {name: v for name, v in call.headers.items() if name.lower() not in left_out}
        url = URL(upstream.rstrip("/") + call.path, encoded=True)
        async with self._client.request(
            call.method, url, data=body or None, headers=headers, allow_redirects=False
        ) as answer:
            passed = {n: v for n, v in answer.headers.items() if n.lower() in _PASSED_ON}
            return web.Response(status=answer.status, body=await answer.read(), headers=passed)


def _json(answer: ApiAnswer) -> web.Response:
    if answer.body is None:
        return web.Response(status=answer.status)
    return web.json_response(answer.body, status=answer.status)


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body) if body else None
    except ValueError:
        return None


def _with(call: ApiCall, arguments: Mapping[str, str]) -> ApiCall:
    return ApiCall(
        method=call.method,
        path=call.path,
        headers=call.headers,
        json=call.json,
        arguments=arguments,
    )
