"""A switch that is given up at every await of its own and of all tasks it sets going."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any, Literal

import pytest

from avatar_core import AvatarSession, SessionStateError
from avatar_core.testing.call_footprint import footprint, nothing_left_behind
from avatar_core.testing.call_stage import CallStage, tone
from avatar_core.testing.suspensions import Suspension, Suspensions
from tests.calls.counting_provider import CountingProvider, counting, settled
from tests.calls.given_up import at_every_await, both_moments, tasks

How = Literal["switch cancelled", "session closed"]


async def given_up_switch(
    stage: CallStage,
    provider: CountingProvider,
    how: How,
    *,
    known: Collection[Suspension],
    woken: bool,
) -> Suspensions:
    """Switch and give that up where it waits; exactly one avatar, or none, may be left."""
    avatar = AvatarSession("counting")
    await avatar.start(stage.agent_session, stage.room, **stage.credentials)
    await avatar.wait_for_join(timeout=10)
    closing: list[asyncio.Task[None]] = []

    def act(switch: asyncio.Task[Any]) -> None:
        if how == "switch cancelled":
            switch.cancel()
        else:
            closing.append(asyncio.create_task(avatar.aclose()))

    suspensions = Suspensions(known=known, act=act, woken=woken)
    error = await suspensions.run(avatar.switch("counting"))
    await asyncio.gather(*closing)
    if suspensions.new is None:
        assert error is None
    elif how == "switch cancelled":
        assert error is None or isinstance(error, asyncio.CancelledError)
    else:
        assert error is None or isinstance(error, SessionStateError)
    if how == "switch cancelled":
        # Where the present one had to go first, another is brought back for it.
        await avatar.wait_for_join(timeout=10)
        said = stage.agent_session.say("who speaks?", audio=tone(seconds=0.1))
        await asyncio.wait_for(said.wait_for_playout(), 10)
        await settled()
        assert provider.live == {avatar.session_id}
    await avatar.aclose()
    await settled()
    assert provider.live == set()
    return suspensions


@both_moments
@pytest.mark.parametrize("how", ["switch cancelled", "session closed"])
@pytest.mark.parametrize("at_once", [None, 1], ids=["side by side", "one after the other"])
async def test_a_switch_given_up_at_every_one_of_its_awaits_leaves_one_avatar_or_none(
    stage: CallStage, how: How, at_once: int | None, woken: bool
) -> None:
    await stage.start_agent()
    before = footprint(stage)
    provider = CountingProvider(at_once=at_once)

    async def give_up(known: Collection[Suspension]) -> Suspensions:
        return await given_up_switch(stage, provider, how, known=known, woken=woken)

    with counting(provider):
        given_up = await at_every_await(give_up)
        assert provider.most == (at_once or 2)
    assert {"caller", "avatar-switch", "avatar-start-session"} <= tasks(given_up)
    await nothing_left_behind(stage, before)
