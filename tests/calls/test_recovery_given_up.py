"""A call that ends at every await of what brings in another avatar for one that was lost."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any

import pytest

from avatar_core import AvatarSession, Provider
from avatar_core.livekit_server import LiveKitServer
from avatar_core.testing.call_footprint import footprint, listeners, nothing_left_behind
from avatar_core.testing.call_stage import CallStage, open_call_stage, tone
from avatar_core.testing.microphone import microphone_of
from avatar_core.testing.suspensions import Suspension, Suspensions
from tests.calls.avatar_in_call import SMALL_FACE
from tests.calls.counting_provider import (
    CountingProvider,
    agent_is_heard,
    broken,
    counting,
    settled,
)
from tests.calls.given_up import OTHERS, Ends, Other, at_every_await, both_moments, tasks

SPEECH = ("avatar-front-sink", "avatar-front-sink-feed", "avatar-voice-track")
"""Tasks that wait with every piece of sound: they are the speech's, and not the recovery's."""


async def given_up_recovery(
    stage: CallStage, other: Other, *, known: Collection[Suspension], woken: bool
) -> Suspensions:
    """Lose an avatar in mid-sentence, and end the call while another one is brought in."""
    avatar = AvatarSession(["breaking", "counting"])
    lost = False
    over = asyncio.Event()

    def changed(_: object) -> None:
        nonlocal lost
        if lost and avatar.state == "live":
            over.set()
        lost = lost or avatar.state == "voice_only"

    def act(task: asyncio.Task[Any]) -> None:
        ends(task)
        over.set()

    async def life() -> None:
        await avatar.start(stage.agent_session, stage.room, **stage.credentials)
        await avatar.wait_for_join(timeout=10)
        avatar.on("state_changed", changed)
        said = stage.agent_session.say("and who goes on?", audio=tone(seconds=0.2))
        await over.wait()
        if other != "room goes":
            await said.wait_for_playout()

    ends = Ends(other, stage, avatar)
    suspensions = Suspensions(
        known=known,
        woken=woken,
        act=act,
        counts=lambda task: lost and task.startswith("avatar-") and task not in SPEECH,
    )
    error = await suspensions.run(asyncio.wait_for(life(), 15))
    assert error is None, (suspensions.new, error)
    assert lost
    assert suspensions.new is not None or avatar.provider == "counting"
    await ends.done()
    await avatar.aclose()
    if other == "room goes":  # LiveKit's own track waits for somebody to hear it, until then
        await asyncio.wait_for(stage.agent_session.aclose(), 10)
    await settled()
    assert avatar.state == "closed"
    return suspensions


def providers() -> tuple[CountingProvider, CountingProvider]:
    """One whose avatars are lost with the first word, and one to come after it."""
    breaking = CountingProvider("breaking", audio=broken)
    return breaking, CountingProvider("counting")


@both_moments
async def test_closed_at_every_await_of_a_recovery_nobody_is_left_and_the_agent_is_heard(
    stage: CallStage, woken: bool
) -> None:
    await stage.start_agent()
    await agent_is_heard(stage)
    before = footprint(stage)
    breaking, following = providers()

    async def give_up(known: Collection[Suspension]) -> Suspensions:
        suspensions = await given_up_recovery(stage, "session closed", known=known, woken=woken)
        assert breaking.all_ended_once(), suspensions.new
        assert following.all_ended_once(), suspensions.new
        await nothing_left_behind(stage, before)
        await agent_is_heard(stage)
        return suspensions

    with counting(breaking, following):
        given_up = await at_every_await(give_up)
    assert {"avatar-recovery", "avatar-start-session", "avatar-session-ender"} <= tasks(given_up)


@pytest.mark.parametrize("other", OTHERS[1:])
async def test_whatever_ends_at_every_await_of_a_recovery_no_session_outlives_it(
    livekit_server: LiveKitServer, other: Other
) -> None:
    breaking, following = providers()

    async def give_up(known: Collection[Suspension]) -> Suspensions:
        async with open_call_stage(livekit_server) as stage, microphone_of(stage.viewer):
            before = listeners(stage.room), listeners(stage.agent_session)
            await stage.start_agent()
            suspensions = await given_up_recovery(stage, other, known=known, woken=False)
            assert breaking.all_ended_once(), suspensions.new
            assert following.all_ended_once(), suspensions.new
            await asyncio.wait_for(stage.agent_session.aclose(), 10)
            after = listeners(stage.room), listeners(stage.agent_session)
            assert after == before, suspensions.new
            return suspensions

    with counting(breaking, following):
        given_up = await at_every_await(give_up)
    assert {"avatar-recovery", "avatar-start-session"} <= tasks(given_up)


async def test_closed_while_the_next_one_waits_for_its_turn_nothing_of_it_is_left(
    stage: CallStage,
) -> None:
    await stage.start_agent()
    before = footprint(stage)
    avatar = AvatarSession(
        [Provider("mock", crash_after=1.0, **SMALL_FACE), Provider("mock", **SMALL_FACE)]
    )
    await avatar.start(stage.agent_session, stage.room, **stage.credentials)
    await avatar.wait_for_join(timeout=20)
    said = stage.agent_session.say("a long sentence", audio=tone(seconds=40))
    await stage.viewer.until(lambda: avatar.avatar_identity == "mock-avatar-agent-2", timeout=30)
    assert avatar.state == "voice_only"
    await avatar.aclose()
    await stage.agent_session.interrupt()
    await asyncio.wait_for(said.wait_for_playout(), 10)
    await nothing_left_behind(stage, before)
    assert await stage.identities() == ["agent", "viewer"]
