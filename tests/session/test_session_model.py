"""The avatar session against a model of itself, through sequences that nobody thought of."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Coroutine
from contextlib import ExitStack
from typing import Any, TypeVar
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    precondition,
    rule,
)
from livekit import rtc
from livekit.agents import AgentSession

from avatar_core import (
    AvatarPolicy,
    AvatarSession,
    Discard,
    ProviderError,
    ProviderInfo,
    ProviderOptions,
    ProviderUnavailableError,
    SessionStateError,
    StandBy,
    StartedSession,
    hookimpl,
    register_provider,
    unregister_provider,
)
from avatar_core.contract.models import EndRequest, StartRequest
from avatar_core.session import recovery
from avatar_core.session.room_audience import RoomAudience
from avatar_core.testing.call_footprint import own_tasks

T = TypeVar("T")
_numbers = itertools.count(1)


class NoRoom(ProviderOptions):
    """Its avatar is there as soon as it is started, in no room."""

    fails: bool = False

    @property
    def joins_room(self) -> bool:
        return False


class Cloud:
    """A provider whose live sessions would be billed."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.live: set[str] = set()
        self.ended: list[str] = []

    @hookimpl
    def describe_provider(self) -> ProviderInfo:
        return ProviderInfo(name=self.name, title="Cloud", options=NoRoom, tokens="none")

    @hookimpl
    async def start_session(self, request: StartRequest) -> StartedSession:
        options = request.options
        assert isinstance(options, NoRoom)
        await asyncio.sleep(0)
        if options.fails:
            raise ProviderUnavailableError("no capacity")
        session_id = str(next(_numbers))
        self.live.add(session_id)
        return StartedSession(session_id=session_id, identities=(), audio=Discard())

    @hookimpl
    async def end_session(self, request: EndRequest) -> None:
        await asyncio.sleep(0)
        session_id = request.session.session_id or ""
        self.ended.append(session_id)
        self.live.discard(session_id)


class AvatarSessionMachine(RuleBasedStateMachine):
    """Does to a session what a program may do, and knows what must be so afterwards."""

    standbys: Bundle[StandBy] = Bundle("standbys")

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.cloud = Cloud(f"cloud{next(_numbers)}")
        # Somebody is in the room that is none, and a loss is got over quickly.
        self.patched = ExitStack()
        self.patched.enter_context(patch.object(RoomAudience, "present", True))
        self.patched.enter_context(patch.object(recovery, "FIRST_PAUSE", 0.001))
        register_provider(self.cloud, name=self.cloud.name)
        self.expected = "idle"
        self.speaks = ""
        self.waiting: set[str] = set()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something, and let everything it set going come to its end."""

        async def settled() -> T:
            try:
                return await asyncio.wait_for(work, 10)
            finally:
                while own_tasks():  # noqa: ASYNC110 - nobody announces it
                    await asyncio.sleep(0.001)

        return self.loop.run_until_complete(settled())

    @initialize()
    def make(self) -> None:
        async def make() -> None:
            self.agent: AgentSession[Any] = AgentSession(
                vad=None, turn_handling={"turn_detection": None}
            )
            self.room = rtc.Room()
            self.avatar = AvatarSession(self.cloud.name, policy=AvatarPolicy(max_recoveries=1000))
            self.failing = AvatarSession(self.cloud.name, fails=True)

        self.run(make())

    @precondition(lambda self: self.expected == "idle")
    @rule(fails=st.booleans())
    def start(self, fails: bool) -> None:
        if fails:
            self.avatar = self.failing
        self.run(self.avatar.start(self.agent, self.room))
        self.expected = "voice_only" if fails else "live"
        self.speaks = "" if fails else self.avatar.session_id or ""

    @precondition(lambda self: self.expected != "idle")
    @rule()
    def start_again(self) -> None:
        with pytest.raises(SessionStateError):
            self.run(self.avatar.start(self.agent, self.room))

    @rule(fails=st.booleans())
    def switch(self, fails: bool) -> None:
        if self.expected != "live":
            with pytest.raises(SessionStateError):
                self.run(self.avatar.switch(self.cloud.name, fails=fails))
        elif fails:
            with pytest.raises(ProviderError):
                self.run(self.avatar.switch(self.cloud.name, fails=True))
        else:
            self.run(self.avatar.switch(self.cloud.name))
            assert self.avatar.session_id not in (self.speaks, None)
            self.speaks = self.avatar.session_id or ""

    @precondition(lambda self: self.expected == "live")
    @rule(target=standbys)
    def prepare(self) -> StandBy:
        standby = self.run(self.avatar.prepare(self.cloud.name))
        self.waiting.add(standby.session_id or "")
        return standby

    @rule(standby=consumes(standbys))
    def switch_to(self, standby: StandBy) -> None:
        if self.expected != "live":
            with pytest.raises(SessionStateError):
                self.run(self.avatar.switch(standby))
            return
        self.run(self.avatar.switch(standby))
        self.speaks = standby.session_id or ""
        self.waiting.discard(self.speaks)

    @rule(standby=consumes(standbys))
    def dismiss(self, standby: StandBy) -> None:
        self.run(standby.aclose())
        self.waiting.discard(standby.session_id or "")

    @precondition(lambda self: self.expected == "live")
    @rule(how=st.sampled_from(["gather", "cancel"]))
    def two_switches_at_once(self, how: str) -> None:
        async def both() -> None:
            switches = [asyncio.create_task(self.avatar.switch(self.cloud.name)) for _ in range(2)]
            if how == "cancel":
                await asyncio.sleep(0)
                switches[0].cancel()
            await asyncio.wait(switches)
            assert not switches[1].cancelled()
            assert switches[1].exception() is None

        self.run(both())
        self.speaks = self.avatar.session_id or ""

    @precondition(lambda self: self.expected == "live")
    @rule(
        during=st.sampled_from(["nothing", "a switch", "a failing switch", "a cancelled switch"]),
        turns=st.integers(0, 12),
        losses=st.integers(1, 3),
    )
    def lose(self, during: str, turns: int, losses: int) -> None:
        async def lose() -> None:
            change = self._change_by_hand(during)
            for _ in range(losses):
                await self._lose_after(turns)
            if change is not None:
                if during == "a cancelled switch":
                    change.cancel()
                await asyncio.wait([change])

        self.run(lose())
        self.speaks = self.avatar.session_id or ""
        assert self.speaks
        self.waiting &= self.cloud.live

    @precondition(lambda self: self.expected == "live")
    @rule(turns=st.integers(0, 30))
    def lose_while_it_closes(self, turns: int) -> None:
        async def lose() -> None:
            close = asyncio.create_task(self.avatar.aclose())
            await self._lose_after(turns)
            await close

        self.run(lose())
        self.expected, self.speaks = "closed", ""
        self.waiting.clear()

    def _change_by_hand(self, what: str) -> asyncio.Task[None] | None:
        if what == "nothing":
            return None
        fails = what == "a failing switch"
        return asyncio.create_task(self.avatar.switch(self.cloud.name, fails=fails))

    async def _lose_after(self, turns: int) -> None:
        for _ in range(turns):
            await asyncio.sleep(0)
        if (current := self.avatar._current) is not None:
            current._unreachable(ConnectionError("the avatar has hung up"))

    @rule(by=st.sampled_from(["aclose", "twice", "in a switch"]))
    def close(self, by: str) -> None:
        async def close() -> None:
            if by == "twice":
                await asyncio.gather(self.avatar.aclose(), self.avatar.aclose())
            elif by == "in a switch" and self.expected == "live":
                switch = asyncio.create_task(self.avatar.switch(self.cloud.name))
                await asyncio.sleep(0)
                await self.avatar.aclose()
                await asyncio.wait([switch])
                assert isinstance(switch.exception(), (SessionStateError, type(None)))
            else:
                await self.avatar.aclose()

        self.run(close())
        self.expected = "closed"
        self.speaks = ""
        self.waiting.clear()

    @invariant()
    def is_as_the_model(self) -> None:
        if not hasattr(self, "avatar"):
            return
        assert self.avatar.state == self.expected
        billed = {self.speaks, *self.waiting} - {""}
        assert self.cloud.live == billed
        assert len(self.cloud.ended) == len(set(self.cloud.ended)), "ended once each"
        if self.expected == "live":
            assert self.avatar.session_id == self.speaks

    def teardown(self) -> None:
        if hasattr(self, "avatar"):
            self.run(self.avatar.aclose())
            self.run(self.failing.aclose())
            self.run(self.agent.aclose())
        assert self.cloud.live == set()
        unregister_provider(self.cloud.name)
        self.patched.close()
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.close()


TestAvatarSessionModel = AvatarSessionMachine.TestCase
TestAvatarSessionModel.settings = settings(
    max_examples=60,
    stateful_step_count=15,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
