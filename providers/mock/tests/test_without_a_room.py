from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import numpy as np
import pytest
from livekit import rtc
from livekit.agents import Agent, AgentSession

from avatar_core import AvatarSession
from avatar_core.contract.errors import ProviderQuotaError
from avatar_provider_mock.plugin import mock_sessions

RATE = 24000


async def sound(seconds: float) -> AsyncIterator[rtc.AudioFrame]:
    samples = np.full(round(RATE * seconds), 1000, dtype=np.int16)
    yield rtc.AudioFrame(samples.tobytes(), RATE, 1, len(samples))


@pytest.fixture
async def agent() -> AsyncIterator[AgentSession[None]]:
    session: AgentSession[None] = AgentSession(vad=None, turn_handling={"turn_detection": None})
    yield session
    await session.aclose()


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(*_: object, **__: object) -> None:
        raise AssertionError("no network is needed for worker='none'")

    monkeypatch.setattr(rtc.Room, "connect", refuse)
    monkeypatch.setattr(asyncio.BaseEventLoop, "create_connection", refuse)


async def test_a_unit_test_needs_no_room_no_key_and_no_server(
    agent: AgentSession[None],
) -> None:
    async with AvatarSession("mock", worker="none") as avatar:
        await avatar.start(agent, rtc.Room())
        await agent.start(Agent(instructions=""))
        await avatar.wait_for_join(timeout=1)
        assert avatar.state == "live"
        assert avatar.avatar_identity == ""

        began = time.monotonic()
        speech = agent.say("hello", audio=sound(20.0))
        await asyncio.wait_for(speech.wait_for_playout(), 10)
        assert time.monotonic() - began < 10, "20 seconds of speech count as heard at once"
        assert not speech.interrupted
        assert len(mock_sessions().listed()) == 1
    assert str(avatar.state) == "closed"
    assert mock_sessions().listed() == []


async def test_the_session_cap_holds_here_too(agent: AgentSession[None]) -> None:
    from avatar_core import AvatarPolicy

    other: AgentSession[None] = AgentSession(vad=None)
    raising = AvatarPolicy(on_failure="raise")
    async with AvatarSession("mock", worker="none", session_cap=1) as first:
        await first.start(agent, rtc.Room())
        second = AvatarSession("mock", worker="none", session_cap=1, policy=raising)
        with pytest.raises(ProviderQuotaError):
            await second.start(other, rtc.Room())
    async with AvatarSession("mock", worker="none", session_cap=1, policy=raising) as third:
        await third.start(other, rtc.Room())
        assert third.state == "live"
