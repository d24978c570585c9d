"""A provider that counts its sessions and acknowledged ends, quick enough for hundreds of calls."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from contextvars import Context
from typing import Any

from livekit import rtc
from livekit.agents.voice.io import AudioOutput, AudioOutputCapabilities

from avatar_core import (
    Capabilities,
    DataStream,
    Discard,
    ProviderInfo,
    ProviderOptions,
    Sink,
    StartedSession,
    hookimpl,
    register_provider,
    unregister_provider,
)
from avatar_core.contract.audio_routes import AudioRoute
from avatar_core.contract.models import EndRequest, StartRequest
from avatar_core.testing.call_footprint import own_tasks
from avatar_core.testing.call_stage import CallStage, tone


class NoRoom(ProviderOptions):
    """Its avatar is there as soon as it is started, in no room."""

    @property
    def joins_room(self) -> bool:
        return False


class CountingProvider:
    """Counts what would be billed; its avatar is in no room.

    Args:
        name: Its name.
        at_once: Sessions that it allows side by side; None for any number.
        audio: Makes the place where an avatar's speech goes.
    """

    options: type[ProviderOptions] = NoRoom
    tokens = "none"

    def __init__(
        self,
        name: str = "counting",
        *,
        at_once: int | None = None,
        audio: Callable[[], AudioRoute] = Discard,
    ) -> None:
        self.name = name
        self.at_once = at_once
        self._audio = audio
        self.live: set[str] = set()
        self.ended: Counter[str] = Counter()
        """Acknowledged ends by session."""
        self.made = 0
        self.most = 0

    @hookimpl
    def describe_provider(self) -> ProviderInfo:
        return ProviderInfo(
            name=self.name,
            title="Counting",
            options=self.options,
            tokens=self.tokens,  # type: ignore[arg-type] # a subclass says another
            capabilities=Capabilities(concurrent_sessions=self.at_once),
        )

    @hookimpl
    async def start_session(self, request: StartRequest) -> StartedSession:
        await asyncio.sleep(0)
        session = self._make(request)
        await self._joins(request, session)
        return session

    @hookimpl
    async def end_session(self, request: EndRequest) -> None:
        await asyncio.sleep(0)
        await self._leaves(request.session)
        session_id = request.session.session_id or ""
        self.live.discard(session_id)
        self.ended[session_id] += 1

    def all_ended_once(self) -> bool:
        """Whether the end of each session made was acknowledged, and asked for no more then."""
        return not self.live and self.ended == Counter(map(str, range(1, self.made + 1)))

    def _make(self, request: StartRequest) -> StartedSession:
        self.made += 1
        name = str(self.made)
        self.live.add(name)
        self.most = max(self.most, len(self.live))
        return StartedSession(session_id=name, identities=(), audio=self._audio())

    async def _joins(self, request: StartRequest, session: StartedSession) -> None:
        await asyncio.sleep(0)

    async def _leaves(self, session: StartedSession) -> None:
        await asyncio.sleep(0)


class JoiningProvider(CountingProvider):
    """Its avatar is a participant of the room, which leaves when its session is ended."""

    options = ProviderOptions
    tokens = "one"

    def __init__(self, name: str = "counting", **arguments: Any) -> None:
        super().__init__(name, **arguments)
        self._workers: dict[str, rtc.Room] = {}

    def _make(self, request: StartRequest) -> StartedSession:
        made = super()._make(request)
        return StartedSession(
            session_id=made.session_id,
            identities=(request.identity,),
            audio=DataStream(identity=request.identity, ready="participant"),
        )

    async def _joins(self, request: StartRequest, session: StartedSession) -> None:
        assert request.room is not None
        worker = self._workers[session.session_id or ""] = rtc.Room()
        options = rtc.RoomOptions(auto_subscribe=False)
        await elsewhere(worker.connect(request.room.url, request.token, options))

    async def _leaves(self, session: StartedSession) -> None:
        if (worker := self._workers.pop(session.session_id or "", None)) is not None:
            await elsewhere(worker.disconnect())


class BrokenOutput(AudioOutput):
    """Speech does not reach the avatar behind it."""

    def __init__(self) -> None:
        super().__init__(label="broken", capabilities=AudioOutputCapabilities(pause=False))

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        await super().capture_frame(frame)
        raise ConnectionError("the avatar has hung up")

    def flush(self) -> None:
        super().flush()

    def clear_buffer(self) -> None:
        return


def broken() -> Sink:
    """Make an avatar's ear that its first word does not reach."""
    return Sink(output=BrokenOutput())


async def elsewhere(work: Coroutine[Any, Any, None]) -> None:
    """Do something that another process would do: nobody who watches the caller sees it wait."""
    await Context().run(asyncio.ensure_future, work)


@contextmanager
def counting(*providers: CountingProvider) -> Iterator[None]:
    """Register counting providers for the length of a test."""
    for provider in providers:
        register_provider(provider, name=provider.name, replace=True)
    try:
        yield
    finally:
        for provider in providers:
            unregister_provider(provider.name)


async def settled() -> None:
    """Wait until what goes on in the background is done."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + 15
    while own_tasks():
        assert loop.time() < deadline, own_tasks()
        await asyncio.sleep(0.005)


async def agent_is_heard(stage: CallStage) -> None:
    """Let the agent say something, and wait until the viewer hears it in the agent's own voice."""
    since = time.monotonic()
    # The first sound of a track is lost on those who are about to subscribe to it.
    known = bool(stage.viewer.heard[stage.agent_identity].times)
    said = stage.agent_session.say("can you hear me?", audio=tone(seconds=0.12 if known else 0.8))
    await stage.viewer.until_heard(stage.agent_identity, seconds=0.05, since=since)
    await asyncio.wait_for(said.wait_for_playout(), 10)
