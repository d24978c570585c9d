"""A close that is given up at every await of its own and of all tasks it sets going."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

import pytest

from avatar_core import AvatarSession
from avatar_core.testing.call_footprint import footprint, nothing_left_behind
from avatar_core.testing.call_stage import CallStage, tone
from avatar_core.testing.suspensions import Suspension, Suspensions
from tests.calls.counting_provider import JoiningProvider, agent_is_heard, counting, settled
from tests.calls.given_up import at_every_await, tasks


@pytest.mark.parametrize(
    ("speaking", "again", "woken"),
    [
        pytest.param(False, True, False, id="silent, closed again, waiting"),
        pytest.param(False, False, True, id="silent, left alone, woken"),
        pytest.param(True, False, False, id="in mid-sentence, left alone, waiting"),
        pytest.param(True, True, True, id="in mid-sentence, closed again, woken"),
    ],
)
async def test_a_close_cancelled_at_every_one_of_its_awaits_closes_all_the_same(
    stage: CallStage, speaking: bool, again: bool, woken: bool
) -> None:
    await stage.start_agent()
    await agent_is_heard(stage)
    before = footprint(stage)
    provider = JoiningProvider()

    async def give_up(known: Collection[Suspension]) -> Suspensions:
        avatar = AvatarSession("counting")
        await avatar.start(stage.agent_session, stage.room, **stage.credentials)
        said = None
        if speaking:
            said = stage.agent_session.say("do you see me?", audio=tone(seconds=0.2))
        suspensions = Suspensions(known=known, act=lambda closing: closing.cancel(), woken=woken)
        error = await suspensions.run(avatar.aclose())
        # Cancelled when it was just through, it is not cancelled any more.
        assert error is None or (suspensions.new and isinstance(error, asyncio.CancelledError))
        if again:
            await avatar.aclose()
            assert avatar.state == "closed"
        if said is not None:
            await asyncio.wait_for(said.wait_for_playout(), 10)
        await settled()
        assert avatar.state == "closed"
        assert provider.all_ended_once(), suspensions.new
        await nothing_left_behind(stage, before)
        assert await stage.identities() == ["agent", "viewer"], suspensions.new
        await agent_is_heard(stage)
        return suspensions

    with counting(provider):
        given_up = await at_every_await(give_up)
    assert {"caller", "avatar-close", "avatar-voice-back", "avatar-session-ender"} <= tasks(
        given_up
    )
