"""A stand-by that is given up at every await: while it is prepared, switched to, or let go."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine
from functools import partial
from typing import Any, Literal

import pytest

from avatar_core import AvatarSession, SessionStateError
from avatar_core.testing.call_footprint import footprint, nothing_left_behind
from avatar_core.testing.call_stage import CallStage, tone
from avatar_core.testing.suspensions import Suspension, Suspensions
from tests.calls.counting_provider import CountingProvider, counting, settled
from tests.calls.given_up import Ends, at_every_await, both_moments, tasks

What = Literal["prepare", "let go", "switch to it", "switch at the boundary"]
How = Literal["cancelled", "session closed"]


async def given_up_stand_by(
    stage: CallStage,
    provider: CountingProvider,
    what: What,
    how: How,
    *,
    known: Collection[Suspension],
    woken: bool,
) -> Suspensions:
    """Give one up where it waits; the present avatar, or the stand-by, or none may be left."""
    avatar = AvatarSession("counting")
    await avatar.start(stage.agent_session, stage.room, **stage.credentials)
    await avatar.wait_for_join(timeout=10)
    first = avatar.session_id

    async def prepare() -> None:
        await avatar.prepare("counting")

    async def let_go() -> None:
        async with await avatar.prepare("counting"):
            assert len(provider.live) == 2
        await settled()

    async def switch(*, at_boundary: bool) -> None:
        if at_boundary:
            _ = stage.agent_session.say("to its end", audio=tone(seconds=0.1))
        await avatar.switch(await avatar.prepare("counting"), at_boundary=at_boundary)

    work: dict[What, Callable[[], Coroutine[Any, Any, None]]] = {
        "prepare": prepare,
        "let go": let_go,
        "switch to it": partial(switch, at_boundary=False),
        "switch at the boundary": partial(switch, at_boundary=True),
    }

    def cancel(task: asyncio.Task[Any]) -> None:
        task.cancel()

    ends = Ends("session closed", stage, avatar)
    suspensions = Suspensions(
        known=known,
        woken=woken,
        act=cancel if how == "cancelled" else ends,
        counts=lambda task: task == "caller" or task.startswith("avatar-"),
    )
    error = await suspensions.run(work[what]())
    await ends.done()
    if suspensions.new is None:
        assert error is None
    else:
        refused = asyncio.CancelledError if how == "cancelled" else SessionStateError
        assert error is None or isinstance(error, refused), (suspensions.new, error)
    if how == "cancelled":
        assert avatar.state == "live"
        said = stage.agent_session.say("who speaks?", audio=tone(seconds=0.1))
        await asyncio.wait_for(said.wait_for_playout(), 10)
        await settled()
        assert avatar.session_id in provider.live
        # The caller that was cancelled may have been handed it before, and then it is his.
        assert len(provider.live) == 1 or what != "let go", suspensions.new
        assert avatar.session_id == first or "switch" in what
    await avatar.aclose()
    await settled()
    assert provider.all_ended_once(), suspensions.new
    return suspensions


@both_moments
@pytest.mark.parametrize("how", ["cancelled", "session closed"])
@pytest.mark.parametrize("what", ["prepare", "let go", "switch to it", "switch at the boundary"])
async def test_a_stand_by_given_up_at_every_await_leaves_one_avatar_or_none(
    stage: CallStage, what: What, how: How, woken: bool
) -> None:
    await stage.start_agent()
    before = footprint(stage)
    provider = CountingProvider()

    async def give_up(known: Collection[Suspension]) -> Suspensions:
        suspensions = await given_up_stand_by(stage, provider, what, how, known=known, woken=woken)
        await nothing_left_behind(stage, before)
        return suspensions

    with counting(provider):
        given_up = await at_every_await(give_up)
    assert {"caller", "avatar-switch", "avatar-start-session"} <= tasks(given_up)
    assert provider.most == 2
