"""An avatar is lost, and what is to bring in the next one is given up or refused."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from avatar_core import AvatarPolicy, AvatarSession
from avatar_core.session import recovery
from avatar_core.testing.call_stage import CallStage
from tests.calls.counting_provider import CountingProvider, counting
from tests.session.scripted_provider import eventually

PATIENCE = 20.0


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[CountingProvider]:
    monkeypatch.setattr(recovery, "FIRST_PAUSE", 0.1)
    made = CountingProvider()
    with counting(made):
        yield made


@pytest.fixture
async def live(stage: CallStage, provider: CountingProvider) -> AsyncIterator[AvatarSession]:
    """A call in which the avatar is there."""
    await stage.start_agent()
    policy = AvatarPolicy(max_recoveries=100)
    async with AvatarSession("counting", policy=policy) as avatar:
        await avatar.start(stage.agent_session, stage.room, **stage.credentials)
        yield avatar


def lose(avatar: AvatarSession) -> None:
    """Let the avatar that speaks be gone, as one is that cannot be sent to any more."""
    assert avatar._current is not None
    avatar._current._unreachable(ConnectionError("the avatar has hung up"))


async def test_a_switch_given_up_while_it_stops_a_recovery_does_not_end_the_recovery(
    live: AvatarSession, provider: CountingProvider
) -> None:
    for turns in range(6):
        lose(live)
        switch = asyncio.create_task(live.switch("counting"))
        for _ in range(turns):
            await asyncio.sleep(0)
        switch.cancel()
        await asyncio.wait([switch])
        await eventually(lambda: live.state == "live", timeout=PATIENCE)
    await live.aclose()
    assert provider.all_ended_once()


async def test_an_extension_that_refuses_a_recovery_is_told_and_given_up_on(
    live: AvatarSession, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    @asynccontextmanager
    async def refusing(call: Any) -> AsyncIterator[None]:
        if call.hook == "start_session":
            raise PermissionError("the budget is spent")
        yield

    call = live._life.call
    assert call is not None
    ring = call._succession.ring
    slots = [dataclasses.replace(slot, around=(refusing,)) for slot in ring._slots]
    monkeypatch.setattr(ring, "_slots", slots)
    monkeypatch.setattr(call._succession._recovery, "_policy", AvatarPolicy(max_recoveries=2))
    lose(live)
    with pytest.raises(asyncio.TimeoutError, match="no avatar can be started"):
        await live.wait_for_join(timeout=PATIENCE)
    refusals = [getattr(record, "error_type", "") for record in caplog.records]
    assert refusals.count("PermissionError") == 2
