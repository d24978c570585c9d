"""The agent closes, or the room goes, at every await of a close that is under way."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

import pytest

from avatar_core import AvatarSession
from avatar_core.livekit_server import LiveKitServer
from avatar_core.testing.call_footprint import listeners
from avatar_core.testing.call_stage import open_call_stage, tone
from avatar_core.testing.microphone import microphone_of
from avatar_core.testing.suspensions import Suspension, Suspensions
from tests.calls.counting_provider import CountingProvider, counting, settled
from tests.calls.given_up import Ends, Other, at_every_await, tasks


@pytest.mark.parametrize("other", ["agent closes", "room goes"])
async def test_whatever_else_ends_at_any_await_of_a_close_it_ends_once_and_leaves_nothing(
    livekit_server: LiveKitServer, other: Other
) -> None:
    provider = CountingProvider()

    async def give_up(known: Collection[Suspension]) -> Suspensions:
        async with open_call_stage(livekit_server) as stage, microphone_of(stage.viewer):
            before = listeners(stage.room), listeners(stage.agent_session)
            await stage.start_agent()
            avatar = AvatarSession("counting")
            await avatar.start(stage.agent_session, stage.room, **stage.credentials)
            _ = stage.agent_session.say("do you see me?", audio=tone(seconds=0.3))
            ends = Ends(other, stage, avatar)
            suspensions = Suspensions(known=known, act=ends)
            assert await suspensions.run(avatar.aclose()) is None
            await ends.done()
            # A sentence that no room takes any more does not hold up the agent's own close.
            await asyncio.wait_for(stage.agent_session.aclose(), 10)
            await settled()
            assert avatar.state == "closed"
            assert provider.all_ended_once(), suspensions.new
            after = listeners(stage.room), listeners(stage.agent_session)
            assert after == before, suspensions.new
            return suspensions

    with counting(provider):
        given_up = await at_every_await(give_up)
    assert {"caller", "avatar-close", "avatar-session-ender"} <= tasks(given_up)
