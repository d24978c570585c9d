"""Every fault through the public start() and aclose(), in a room: nothing stays, or it is told."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
from livekit.agents import APIConnectOptions

from avatar_core import AvatarPolicy
from avatar_core.contract.errors import (
    ConfigurationError,
    SessionStateError,
    StartUncertainError,
)
from avatar_core.livekit_server import LiveKitServer
from avatar_provider_protoface.emulator.faults import Fault

from .calling_stage import ProtofaceStage, eventually, own_tasks, protoface_stage
from .fault_cases import ALWAYS, CASES, Case
from .starting import look_quickly

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),  # one room for all of them
    pytest.mark.usefixtures(look_quickly.__name__),
]
__all__ = ["look_quickly"]

RAISE = AvatarPolicy(on_failure="raise")
SOON = AvatarPolicy(on_failure="raise", end_timeout=0.5)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(livekit_server: LiveKitServer) -> AsyncIterator[ProtofaceStage]:
    """One room with an agent that runs, for all of these."""
    async with protoface_stage(livekit_server, worker="none", drain_seconds=0.0) as stage:
        await stage.call.start_agent()
        yield stage


@dataclass(kw_only=True)
class Balance:
    """What one test did at Protoface.

    Args:
        stage: Where.
        sessions: How many there were before.
        requests: How many there were before.
    """

    stage: ProtofaceStage
    sessions: int
    requests: int

    @property
    def made(self) -> int:
        """Sessions made."""
        return len(self.stage.emulator.sessions) - self.sessions

    @property
    def creates(self) -> list[float]:
        """When a create came, seconds."""
        return [each.at for each in self._sent() if each.path == "/v1/sessions"]

    @property
    def ends(self) -> list[str]:
        """Paths of the ends that came."""
        return [each.path for each in self._sent() if each.path.endswith("/end")]

    def _sent(self) -> list[Any]:
        return self.stage.emulator.requests[self.requests :]


@asynccontextmanager
async def balanced(stage: ProtofaceStage) -> AsyncIterator[Balance]:
    """See to it that every session made in the block is ended, and the call as it was."""
    output = stage.call.agent_session.output.audio
    emulator = stage.emulator
    try:
        yield Balance(stage=stage, sessions=len(emulator.sessions), requests=len(emulator.requests))
        await stage.until_all_over()
    finally:
        emulator.faults.clear()
    await eventually(lambda: own_tasks() == [])
    assert stage.call.agent_session.output.audio is output


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
async def test_a_start_that_fails_leaves_nothing(stage: ProtofaceStage, case: Case) -> None:
    async with balanced(stage) as balance:
        stage.emulator.faults.add(case.fault)
        connect = APIConnectOptions(max_retry=2, retry_interval=0.05, timeout=0.3)
        avatar = stage.avatar(policy=RAISE, conn_options=connect)
        with pytest.raises(case.error) as caught:
            await stage.start(avatar)
        error = caught.value
        assert type(error).__mro__[1] is case.error
        assert isinstance(error, case.theirs)
        assert case.says in str(error)
        if case.fault.answer == "error" and isinstance(case.fault.body, dict):
            assert error.status_code == case.fault.status
        creates = balance.creates
        assert len(creates) == case.attempts
        for earlier, later in zip(creates, creates[1:], strict=False):
            assert case.apart <= later - earlier < case.apart + 1.0
        assert balance.made == case.made
        # Found by its tag and ended, before start() has raised.
        ended = [f"/v1/sessions/{each.id}/end" for each in stage.emulator.sessions[: case.made]]
        assert balance.ends == ended
        assert avatar.state == "closed"
        await avatar.aclose()
        assert balance.ends == ended


@pytest.mark.parametrize("name", ["500", "502", "503", "429 rate", "timeout after", "reset after"])
async def test_a_fault_that_passes_costs_one_session_and_no_face(
    stage: ProtofaceStage, name: str
) -> None:
    async with balanced(stage) as balance:
        stage.emulator.faults.add(CASES[name].fault.model_copy(update={"times": 1}))
        connect = APIConnectOptions(max_retry=2, retry_interval=0.05, timeout=0.3)
        avatar = stage.avatar(policy=RAISE, conn_options=connect)
        await stage.start(avatar)
        assert avatar.state == "joining"
        assert (balance.made, len(balance.creates)) == (1, 2)
        assert avatar.session_id == stage.emulator.sessions[0].id
        await avatar.aclose()
        assert balance.ends == [f"/v1/sessions/{avatar.session_id}/end"]


async def test_two_starts_at_once_make_one_session(stage: ProtofaceStage) -> None:
    async with balanced(stage) as balance:
        avatar = stage.avatar()
        outcomes = await asyncio.gather(
            stage.start(avatar), stage.start(avatar), return_exceptions=True
        )
        assert [type(each) for each in outcomes] == [type(None), SessionStateError]
        await avatar.aclose()
        assert balance.made == 1


async def test_two_avatars_at_once_for_one_agent_make_one_session(stage: ProtofaceStage) -> None:
    async with balanced(stage) as balance:
        one, other = stage.avatar(), stage.avatar()
        outcomes = await asyncio.gather(
            stage.start(one), stage.start(other), return_exceptions=True
        )
        assert [type(each) for each in outcomes] == [type(None), ConfigurationError]
        await one.aclose()
        await other.aclose()
        assert balance.made == 1


async def test_an_end_that_fails_at_first_is_repeated(stage: ProtofaceStage) -> None:
    async with balanced(stage) as balance:
        avatar = stage.avatar()
        await stage.start(avatar)
        stage.emulator.faults.add(Fault(on="end", status=500, times=5))
        await avatar.aclose()
        assert balance.made == 1
        assert len(balance.ends) == 6
        assert stage.emulator.sessions[0].over


async def make_normally(stage: ProtofaceStage) -> None:
    avatar = stage.avatar(policy=SOON)
    await stage.start(avatar)
    await avatar.aclose()


async def make_garbled(stage: ProtofaceStage) -> None:
    stage.emulator.faults.add(Fault(on="create", when="after", status=201, body="<html>"))
    avatar = stage.avatar(policy=SOON)
    with pytest.raises(StartUncertainError):
        await stage.start(avatar)
    await avatar.aclose()


async def make_and_cancel(stage: ProtofaceStage) -> None:
    stage.emulator.faults.add(Fault(on="create", when="after", answer="true", delay=0.2))
    avatar = stage.avatar(policy=SOON)
    made = len(stage.emulator.sessions)
    start = asyncio.create_task(stage.start(avatar))
    await eventually(lambda: len(stage.emulator.sessions) > made)
    start.cancel()
    await asyncio.wait([start])
    assert start.cancelled()
    await avatar.aclose()


@pytest.mark.parametrize(
    "make", [make_normally, make_garbled, make_and_cancel], ids=["used", "garbled", "cancelled"]
)
async def test_a_session_that_cannot_be_ended_is_told_with_the_command_that_ends_it(
    stage: ProtofaceStage, make: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async with balanced(stage) as balance:
        stage.emulator.faults.add(Fault(on="end", status=500, times=ALWAYS))
        began = time.monotonic()
        with caplog.at_level(logging.ERROR, logger="avatar_core"):
            await make(stage)
        assert time.monotonic() - began < 5
        assert balance.made == 1
        (session,) = stage.emulator.unended
        (line,) = [each for each in caplog.messages if "not ended yet" in each]
        assert line.endswith(f": avatar sessions end {session.id} --provider protoface")
        stage.emulator.faults.clear()  # and when Protoface is well again, it is ended
