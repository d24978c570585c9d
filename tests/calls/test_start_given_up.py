"""A start that is given up at every await of its own and of all tasks it sets going."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any, Literal

import pytest

from avatar_core import AvatarSession, ProviderUnavailableError, SessionStateError, StartedSession
from avatar_core.contract.models import StartRequest
from avatar_core.testing.call_footprint import footprint, nothing_left_behind
from avatar_core.testing.call_stage import CallStage
from avatar_core.testing.suspensions import Suspension, Suspensions
from tests.calls.counting_provider import (
    CountingProvider,
    JoiningProvider,
    agent_is_heard,
    counting,
    settled,
)
from tests.calls.given_up import at_every_await, both_moments, tasks

How = Literal["start cancelled", "session closed"]


class FullProvider(CountingProvider):
    """Takes a moment to say that it has no capacity."""

    def _make(self, request: StartRequest) -> StartedSession:
        raise ProviderUnavailableError("no capacity")


async def given_up_start(
    stage: CallStage, candidates: list[str], how: How, *, known: Collection[Suspension], woken: bool
) -> Suspensions:
    """Start an avatar and give that up where it waits."""
    avatar = AvatarSession(candidates)
    closing: list[asyncio.Task[None]] = []

    def act(start: asyncio.Task[Any]) -> None:
        if how == "start cancelled":
            start.cancel()
        else:
            closing.append(asyncio.create_task(avatar.aclose()))

    suspensions = Suspensions(known=known, act=act, woken=woken)
    error = await suspensions.run(
        avatar.start(stage.agent_session, stage.room, **stage.credentials)
    )
    await asyncio.gather(*closing)
    if suspensions.new is None:
        assert error is None
        assert avatar.state == "joining"
    elif how == "start cancelled":
        assert isinstance(error, asyncio.CancelledError)
        assert avatar.state == "closed"
    else:
        # It may just have got through when it was closed.
        assert error is None or isinstance(error, SessionStateError)
    await avatar.aclose()
    assert avatar.state == "closed"
    # What the two seconds of a cancelled start were too short for is ended in the background.
    await settled()
    return suspensions


@both_moments
@pytest.mark.parametrize("how", ["start cancelled", "session closed"])
@pytest.mark.parametrize(
    "candidates", [["counting"], ["full", "counting"]], ids=["the first", "the second"]
)
async def test_a_start_given_up_at_every_one_of_its_awaits_leaves_nobody_and_the_agent_is_heard(
    stage: CallStage, how: How, candidates: list[str], woken: bool
) -> None:
    await stage.start_agent()
    await agent_is_heard(stage)
    before = footprint(stage)
    provider = JoiningProvider()

    async def give_up(known: Collection[Suspension]) -> Suspensions:
        suspensions = await given_up_start(stage, candidates, how, known=known, woken=woken)
        assert provider.all_ended_once(), suspensions.new
        await nothing_left_behind(stage, before)
        assert await stage.identities() == ["agent", "viewer"], suspensions.new
        await agent_is_heard(stage)
        return suspensions

    with counting(FullProvider("full"), provider):
        given_up = await at_every_await(give_up)
    for (task, where, _), cancelled_there in given_up.items():
        # These two are what is cancelled itself, and exactly where they waited.
        assert woken or cancelled_there or task not in ("caller", "avatar-start"), (task, where)
    assert {"caller", "avatar-start", "avatar-start-session"} <= tasks(given_up)
    assert provider.made > 1
