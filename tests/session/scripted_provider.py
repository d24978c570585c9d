"""A provider whose start and end do what a test says, and a cloud that counts what it holds."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from livekit import rtc

from avatar_core import register_extension, unregister_extension
from avatar_core.contract.audio_routes import DataStream
from avatar_core.contract.errors import ProviderUnavailableError
from avatar_core.contract.hookspecs import hookimpl
from avatar_core.contract.models import (
    AgentStateRequest,
    EndRequest,
    ProviderInfo,
    RecoverRequest,
    StartedSession,
    StartRequest,
)
from avatar_core.contract.options import ProviderOptions
from avatar_core.discovery.default import register_provider, unregister_provider

Make = Callable[[], StartedSession]
OnStart = Callable[[StartRequest, Make], Awaitable[Any]]
OnEnd = Callable[[EndRequest], Awaitable[None]]


class ScriptedOptions(ProviderOptions):
    """Options of the scripted provider."""

    shape: str = "round"
    seconds: float | None = None

    @property
    def session_seconds(self) -> float | None:
        """The longest session."""
        return self.seconds


class ScriptedProvider:
    """Keeps its sessions as a vendor's cloud would: what is in ``live`` would be billed.

    Args:
        name: Its name.
        on_start: Does the start: given the request and a function that makes a session.
        on_end: Awaited before a session is ended; what it raises, ``end_session`` raises.
        joins: Join the room as a participant without tracks.
        stays: Do not leave the room at the end.
        info: Further arguments of ``ProviderInfo``.
    """

    def __init__(
        self,
        name: str = "scripted",
        *,
        on_start: OnStart | None = None,
        on_end: OnEnd | None = None,
        joins: bool = False,
        stays: bool = False,
        **info: Any,
    ) -> None:
        self.name = name
        self._on_start = on_start
        self._on_end = on_end
        self._joins = joins
        self._stays = stays
        self._info = info
        self._ids = itertools.count(1)
        self.requests: list[StartRequest] = []
        self.live: dict[str, StartedSession] = {}
        self.keys: dict[str, StartedSession] = {}
        self.made = 0
        self.end_requests: list[EndRequest] = []
        self.workers: list[rtc.Room] = []

    @hookimpl
    def describe_provider(self) -> ProviderInfo:
        return ProviderInfo(name=self.name, title="Scripted", options=ScriptedOptions, **self._info)

    @hookimpl
    async def start_session(self, request: StartRequest) -> Any:
        self.requests.append(request)

        def make() -> StartedSession:
            return self.make(request)

        if self._on_start is not None:
            return await self._on_start(request, make)
        started = make()
        if self._joins:
            assert request.room is not None
            worker = rtc.Room()
            self.workers.append(worker)
            await worker.connect(
                request.room.url, request.token, rtc.RoomOptions(auto_subscribe=False)
            )
        return started

    @hookimpl
    async def end_session(self, request: EndRequest) -> None:
        self.end_requests.append(request)
        if self._on_end is not None:
            await self._on_end(request)
        self.live.pop(request.session.session_id or "", None)
        if not self._stays:
            await self.let_workers_go()

    def make(self, request: StartRequest) -> StartedSession:
        """Make a session that lives until it is ended."""
        self.made += 1
        started = StartedSession(
            session_id=f"{self.name}-{next(self._ids)}",
            identities=(request.identity,),
            audio=DataStream(identity=request.identity, ready="participant"),
        )
        self.live[started.session_id or ""] = started
        self.keys[request.idempotency_key] = started
        return started

    async def let_workers_go(self) -> None:
        """Take this cloud's participants out of their rooms."""
        workers, self.workers = self.workers, []
        for worker in workers:
            await worker.disconnect()


class RecoveringProvider(ScriptedProvider):
    """Can tell which session an uncertain start has made.

    Args:
        name: Its name.
        recovery_failures: How often it cannot tell at first.
        arguments: For ``ScriptedProvider``.
    """

    def __init__(
        self, name: str = "scripted", *, recovery_failures: int = 0, **arguments: Any
    ) -> None:
        super().__init__(name, **arguments)
        self._recovery_failures = recovery_failures
        self.recoveries: list[RecoverRequest] = []

    @hookimpl
    async def recover_session(self, request: RecoverRequest) -> StartedSession | None:
        self.recoveries.append(request)
        if len(self.recoveries) <= self._recovery_failures:
            raise ProviderUnavailableError("not now")
        found = self.keys.get(request.idempotency_key)
        return found if found is not None and found.session_id in self.live else None


class ListeningProvider(ScriptedProvider):
    """Is told what the agent does."""

    def __init__(self, name: str = "scripted", **arguments: Any) -> None:
        super().__init__(name, **arguments)
        self.states: list[tuple[str, str]] = []

    @hookimpl
    async def agent_state_changed(self, request: AgentStateRequest) -> None:
        self.states.append((request.old_state, request.new_state))


@contextmanager
def registered(*plugins: Any) -> Iterator[None]:
    """Register providers for the length of a test."""
    names: list[str] = []
    try:
        for plugin in plugins:
            names.append(register_provider(plugin).name)
        yield
    finally:
        for name in names:
            unregister_provider(name)


@contextmanager
def extended_by(*plugins: Any) -> Iterator[None]:
    """Activate extensions for the length of a test, the first outermost."""
    names: list[str] = []
    try:
        for index, plugin in enumerate(plugins):
            names.append(register_extension(plugin, name=f"extension-{index}").name)
        yield
    finally:
        for name in names:
            unregister_extension(name)


async def eventually(condition: Callable[[], bool], *, timeout: float = 15.0) -> None:
    """Wait until a condition holds that nobody announces.

    Raises:
        AssertionError: It did not hold in time.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout
    while not condition():
        assert loop.time() < deadline, "what was waited for did not come true"
        await asyncio.sleep(0.01)
