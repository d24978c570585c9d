"""Another avatar because it was asked for, made before the present one goes."""

from __future__ import annotations

import asyncio

import pytest

from avatar_core import (
    AvatarAvailabilityChangedEvent,
    AvatarNotJoinedError,
    AvatarPolicy,
    AvatarSession,
    ConfigurationError,
    ProviderError,
    SessionStateError,
)
from avatar_core.testing.call_stage import CallStage
from avatar_core.testing.playback_log import PlaybackLog
from avatar_core.testing.speech_sound import assert_whole, read_sweep, since, sweep
from tests.calls.avatar_in_call import SMALL_FACE, avatar_in

FIRST = "mock-avatar-agent"
SECOND = "mock-avatar-agent-2"
TOGETHER = 0.25
"""Seconds in which both may be heard: two streams take different times to a listener."""

SILENCE = 0.3
"""Seconds of silence between the two at a listener, on a machine that may be busy; the benchmark
says how long it is on one that is not."""


def silence(stage: CallStage, former: str, latter: str) -> float:
    """Seconds without sound between one speaker and the next."""
    heard = stage.viewer.heard
    last = heard[former].loud_times()[-1]
    return next(at for at in heard[latter].loud_times() if at > last - TOGETHER) - last


async def test_a_switch_in_mid_sentence_goes_on_with_the_sentence(stage: CallStage) -> None:
    async with avatar_in(stage) as avatar:
        changes: list[AvatarAvailabilityChangedEvent] = []
        avatar.on("avatar_availability_changed", changes.append)
        log = PlaybackLog(stage.agent_session.output.audio)
        handle = stage.agent_session.say("a long sentence", audio=sweep(seconds=8))
        await stage.viewer.until_heard(FIRST, seconds=1)
        await avatar.switch("mock", size=64, fps=10)
        assert avatar.avatar_identity == SECOND
        assert avatar.state == "live"
        assert [(each.available, each.identity) for each in changes] == [(True, SECOND)]
        await asyncio.wait_for(handle.wait_for_playout(), 20)
        await stage.viewer.until_silent(SECOND)
        heard = stage.viewer.heard
        both = read_sweep(heard[FIRST].samples, heard[SECOND].samples)
        assert both.last > 7.8
        assert both.missing < 0.4
        assert both.repeated < 0.3
        assert silence(stage, FIRST, SECOND) < SILENCE
        assert heard["agent"].loud_seconds() == 0, "the voice has no part in it"
        assert len(log.started) == len(log.finished) == 1
        assert not log.finished[0].interrupted
        assert log.finished[0].playback_position == pytest.approx(8, abs=0.05)
        await stage.viewer.until(lambda: FIRST not in stage.viewer.room.remote_participants)
        assert await stage.identities() == ["agent", SECOND, "viewer"]
    assert await stage.identities() == ["agent", "viewer"]


async def test_a_switch_at_the_boundary_cuts_no_sentence(stage: CallStage) -> None:
    async with avatar_in(stage) as avatar:
        first = stage.agent_session.say("by the first", audio=sweep(seconds=3))
        second = stage.agent_session.say("by the second", audio=sweep(seconds=1))
        await stage.viewer.until_heard(FIRST, seconds=0.5)
        await avatar.switch("mock", at_boundary=True, **SMALL_FACE)
        assert avatar.avatar_identity == SECOND
        await asyncio.wait_for(first.wait_for_playout(), 15)
        await asyncio.wait_for(second.wait_for_playout(), 15)
        await stage.viewer.until_silent(SECOND)
        assert_whole(read_sweep(stage.viewer.heard[FIRST].samples), seconds=3)
        assert_whole(read_sweep(stage.viewer.heard[SECOND].samples), seconds=1)


async def test_a_stand_by_waits_in_the_room_and_takes_over_when_it_is_told(
    stage: CallStage,
) -> None:
    async with avatar_in(stage) as avatar:
        standby = await avatar.prepare("mock", **SMALL_FACE)
        assert standby.avatar_identity == SECOND
        assert avatar.avatar_identity == FIRST
        await stage.viewer.until_seen(SECOND, pictures=1)
        await stage.agent_session.say("by the first", audio=sweep(seconds=0.6)).wait_for_playout()
        assert stage.viewer.heard[SECOND].loud_seconds() == 0
        await avatar.switch(standby)
        began = stage.viewer.heard[SECOND].times[-1]
        await stage.agent_session.say("by the second", audio=sweep(seconds=0.6)).wait_for_playout()
        await stage.viewer.until_silent(SECOND)
        assert_whole(read_sweep(since(stage.viewer.heard[SECOND], began)), seconds=0.6)
        with pytest.raises(SessionStateError, match="prepare another"):
            await avatar.switch(standby)


async def test_a_stand_by_that_is_not_wanted_is_ended_with_the_rest(stage: CallStage) -> None:
    async with avatar_in(stage) as avatar:
        async with await avatar.prepare("mock", **SMALL_FACE):
            pass
        await stage.viewer.until(lambda: SECOND not in stage.viewer.room.remote_participants)
        await avatar.prepare("mock", **SMALL_FACE)
    assert await stage.identities() == ["agent", "viewer"]


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"fail": "unavailable"}, ProviderError),
        ({"never_join": True}, AvatarNotJoinedError),
        ({"no_such_option": 1}, ConfigurationError),
    ],
    ids=["fails to start", "never joins", "wrong option"],
)
async def test_a_switch_that_fails_leaves_the_old_avatar_in_place(
    stage: CallStage, options: dict[str, object], error: type[Exception]
) -> None:
    await stage.start_agent()
    async with AvatarSession("mock", policy=AvatarPolicy(join_timeout=2.0), **SMALL_FACE) as avatar:
        await avatar.start(stage.agent_session, stage.room, **stage.credentials)
        await avatar.wait_for_join(timeout=20)
        await stage.viewer.until(lambda: bool(stage.viewer.heard[FIRST].times))
        with pytest.raises(error):
            await avatar.switch("mock", **{**SMALL_FACE, **options})
        assert (avatar.state, avatar.avatar_identity) == ("live", FIRST)
        await stage.agent_session.say("still here", audio=sweep(seconds=0.6)).wait_for_playout()
        await stage.viewer.until_silent(FIRST)
        assert_whole(read_sweep(stage.viewer.heard[FIRST].samples), seconds=0.6)
    assert await stage.identities() == ["agent", "viewer"]


async def test_where_a_second_session_is_refused_the_voice_speaks_in_between(
    stage: CallStage,
) -> None:
    async with avatar_in(stage, session_cap=1) as avatar:
        states: list[str] = []
        avatar.on("state_changed", lambda event: states.append(event.new_state))
        handle = stage.agent_session.say("a long sentence", audio=sweep(seconds=6))
        await stage.viewer.until_heard(FIRST, seconds=1)
        await avatar.switch("mock", session_cap=1, **SMALL_FACE)
        assert states == ["voice_only", "live"]
        assert avatar.avatar_identity not in (FIRST, "")
        await asyncio.wait_for(handle.wait_for_playout(), 20)
        await stage.viewer.until_silent(avatar.avatar_identity)
        heard = stage.viewer.heard
        both = read_sweep(
            heard[FIRST].samples, heard["agent"].samples, heard[avatar.avatar_identity].samples
        )
        assert both.last > 5.8
        assert both.missing < 0.6


async def test_closing_ends_a_switch_under_way_and_what_it_had_made(stage: CallStage) -> None:
    async with avatar_in(stage) as avatar:
        switching = asyncio.create_task(avatar.switch("mock", join_delay=30.0, **SMALL_FACE))
        await stage.viewer.until(lambda: len(avatar.attempts) == 2)
        await asyncio.wait_for(avatar.aclose(), 15)
        with pytest.raises(SessionStateError):
            await switching
    assert await stage.identities() == ["agent", "viewer"]


async def test_a_cancelled_switch_leaves_the_old_avatar_speaking(stage: CallStage) -> None:
    async with avatar_in(stage) as avatar:
        switching = asyncio.create_task(avatar.switch("mock", join_delay=30.0, **SMALL_FACE))
        await stage.viewer.until(lambda: len(avatar.attempts) == 2)
        switching.cancel()
        with pytest.raises(asyncio.CancelledError):
            await switching
        assert avatar.avatar_identity == FIRST
        await stage.agent_session.say("still here", audio=sweep(seconds=0.6)).wait_for_playout()
        await stage.viewer.until_silent(FIRST)
        assert_whole(read_sweep(stage.viewer.heard[FIRST].samples), seconds=0.6)


@pytest.mark.parametrize("call", ["switch", "prepare"])
async def test_there_is_nothing_to_switch_before_the_start_and_after_the_end(call: str) -> None:
    avatar = AvatarSession("mock", worker="none")
    with pytest.raises(SessionStateError, match="idle"):
        await getattr(avatar, call)("mock", worker="none")
    await avatar.aclose()
    with pytest.raises(SessionStateError, match="closed"):
        await getattr(avatar, call)("mock", worker="none")


async def test_one_that_is_lost_after_a_switch_is_followed_by_one_with_another_identity(
    stage: CallStage,
) -> None:
    async with avatar_in(stage) as avatar:
        await avatar.switch("mock", size=64, fps=10, leave_after=1.0)
        assert avatar.avatar_identity == SECOND
        await stage.viewer.until(lambda: avatar.state == "voice_only")
        await avatar.wait_for_join(timeout=30)
        assert avatar.avatar_identity == f"{FIRST}-3"
        await stage.viewer.until_seen(f"{FIRST}-3")
