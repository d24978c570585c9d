from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from livekit import rtc

from avatar_core import AvatarPolicy, AvatarSession
from avatar_core.testing.call_stage import CallStage
from avatar_core.testing.playback_log import PlaybackLog
from avatar_core.testing.speech_sound import assert_whole, read_sweep, since, sweep
from tests.calls.avatar_in_call import Order, avatar_in

AVATAR = "mock-avatar-agent"

LATE = 1.5
"""Seconds after an interruption at which the room must be silent; generous, for a busy machine."""


async def assert_silent_from(stage: CallStage, moment: float) -> None:
    """Nobody is heard any more, and nobody was later than ``LATE`` seconds after a moment."""
    last = await stage.viewer.until_silent(AVATAR, seconds=0.6)
    assert last < moment + LATE, f"sound {last - moment:.2f} s after the interruption"


async def assert_speaks_again(stage: CallStage) -> None:
    """The next sentence is said whole."""
    began = time.monotonic()
    handle = stage.agent_session.say("next", audio=sweep(seconds=0.8))
    await asyncio.wait_for(handle.wait_for_playout(), 10)
    await stage.viewer.until_silent(AVATAR)
    assert_whole(read_sweep(since(stage.viewer.heard[AVATAR], began)), seconds=0.8)


async def interrupt(stage: CallStage) -> float:
    moment = time.monotonic()
    await asyncio.wait_for(stage.agent_session.interrupt(), 5)
    return moment


async def test_before_the_first_frame_nothing_is_said_and_nothing_reported(
    stage: CallStage,
) -> None:
    asked = asyncio.Event()

    async def thinking_tts() -> AsyncIterator[rtc.AudioFrame]:
        asked.set()
        await asyncio.Event().wait()
        yield rtc.AudioFrame(bytes(480), 24000, 1, 240)

    async with avatar_in(stage):
        log = PlaybackLog(stage.agent_session.output.audio)
        handle = stage.agent_session.say("never", audio=thinking_tts())
        await asyncio.wait_for(asked.wait(), 5)
        await interrupt(stage)
        await asyncio.wait_for(handle.wait_for_playout(), 5)
        assert log.events == []
        await assert_speaks_again(stage)
        assert log.order == "spf"


@pytest.mark.parametrize("order", ["avatar first", "session first"])
async def test_while_held_for_an_avatar_that_has_not_joined(stage: CallStage, order: Order) -> None:
    async with avatar_in(stage, order=order, wait=False, join_delay=1.0) as avatar:
        log = PlaybackLog(stage.agent_session.output.audio)
        handle = stage.agent_session.say("too early", audio=sweep(seconds=2))
        await asyncio.wait_for(log.captured(), 5)
        await interrupt(stage)
        await asyncio.wait_for(handle.wait_for_playout(), 2)
        assert avatar.state == "joining"
        assert log.order == "f"
        assert log.finished[0].interrupted
        assert log.finished[0].playback_position == 0.0
        await avatar.wait_for_join(timeout=20)
        await stage.viewer.until(lambda: bool(stage.viewer.heard[AVATAR].times))
        await assert_silent_from(stage, 0.0)
        await assert_speaks_again(stage)
        assert stage.viewer.heard["agent"].loud_seconds() == 0


async def test_right_after_the_first_frame(stage: CallStage) -> None:
    async with avatar_in(stage):
        log = PlaybackLog(stage.agent_session.output.audio)
        handle = stage.agent_session.say("cut at once", audio=sweep(seconds=2))
        await asyncio.wait_for(log.captured(), 5)
        moment = await interrupt(stage)
        await asyncio.wait_for(handle.wait_for_playout(), 5)
        await assert_silent_from(stage, moment)
        assert len(log.finished) == 1
        assert log.finished[0].interrupted
        assert log.finished[0].playback_position < 0.5
        await assert_speaks_again(stage)


@pytest.mark.parametrize("everything_pushed", [True, False], ids=["all pushed", "more to come"])
async def test_in_mid_sentence(stage: CallStage, everything_pushed: bool) -> None:
    async def slow_tts() -> AsyncIterator[rtc.AudioFrame]:
        given = 0.0
        async for frame in sweep(seconds=6):
            heard = stage.viewer.heard[AVATAR]
            await stage.viewer.until(lambda: given - heard.loud_seconds() < 0.5)  # noqa: B023
            given += frame.duration
            yield frame

    async with avatar_in(stage):
        log = PlaybackLog(stage.agent_session.output.audio)
        speech = sweep(seconds=6) if everything_pushed else slow_tts()
        handle = stage.agent_session.say("a long sentence", audio=speech)
        await stage.viewer.until_heard(AVATAR, seconds=1)
        moment = await interrupt(stage)
        await asyncio.wait_for(handle.wait_for_playout(), 5)
        await assert_silent_from(stage, moment)
        assert log.order == "spf"
        ended = log.finished[0]
        assert ended.interrupted
        sentence = read_sweep(stage.viewer.heard[AVATAR].samples)
        assert sentence.first < 0.12
        assert sentence.missing < 0.12
        # What the agent believes was heard is what was heard.
        assert ended.playback_position == pytest.approx(sentence.last, abs=0.15)
        log.assert_progress_covers(ended.playback_position)
        await assert_speaks_again(stage)


async def test_after_the_last_sound_changes_nothing(stage: CallStage) -> None:
    async with avatar_in(stage):
        log = PlaybackLog(stage.agent_session.output.audio)
        handle = stage.agent_session.say("whole", audio=sweep(seconds=0.8))
        await handle.wait_for_playout()
        await interrupt(stage)
        await stage.viewer.until_silent(AVATAR)
        assert_whole(read_sweep(stage.viewer.heard[AVATAR].samples), seconds=0.8)
        assert log.order == "spf"
        assert not log.finished[0].interrupted
        await assert_speaks_again(stage)


async def test_twice_in_one_sentence_and_with_others_waiting(stage: CallStage) -> None:
    async with avatar_in(stage):
        log = PlaybackLog(stage.agent_session.output.audio)
        handles = [
            stage.agent_session.say("one of three", audio=sweep(seconds=3)) for _ in range(3)
        ]
        await stage.viewer.until_heard(AVATAR, seconds=0.4)
        moment = time.monotonic()
        both = asyncio.gather(stage.agent_session.interrupt(), stage.agent_session.interrupt())
        await asyncio.wait_for(both, 5)
        await asyncio.wait_for(asyncio.gather(*(h.wait_for_playout() for h in handles)), 5)
        await assert_silent_from(stage, moment)
        assert log.order == "spf"
        await assert_speaks_again(stage)


async def test_one_sentence_after_another_interrupted_early(stage: CallStage) -> None:
    async with avatar_in(stage):
        log = PlaybackLog(stage.agent_session.output.audio)
        for heard in (0.02, 0.2, 0.02, 0.1, 0.02):
            began = time.monotonic()
            handle = stage.agent_session.say("cut", audio=sweep(seconds=3))
            await stage.viewer.until_heard(AVATAR, seconds=heard, since=began)
            moment = await interrupt(stage)
            await asyncio.wait_for(handle.wait_for_playout(), 5)
            await assert_silent_from(stage, moment)
        assert log.order == "spf" * 5
        assert all(event.interrupted for event in log.finished)
        assert all(event.playback_position < 1 for event in log.finished)
        await assert_speaks_again(stage)


async def test_of_a_voice_that_speaks_while_the_avatar_joins(stage: CallStage) -> None:
    await stage.start_agent()
    avatar = AvatarSession("mock", never_join=True, policy=AvatarPolicy(while_joining="voice"))
    await avatar.start(stage.agent_session, stage.room, **stage.credentials)
    try:
        log = PlaybackLog(stage.agent_session.output.audio)
        handle = stage.agent_session.say("by the voice", audio=sweep(seconds=4))
        await stage.viewer.until_heard("agent", seconds=0.8)
        moment = await interrupt(stage)
        await asyncio.wait_for(handle.wait_for_playout(), 5)
        last = await stage.viewer.until_silent("agent", seconds=0.6)
        assert last < moment + LATE
        assert len(log.started) == len(log.finished) == 1
        log.assert_progress_covers(log.finished[0].playback_position)
        heard = read_sweep(stage.viewer.heard["agent"].samples)
        assert log.finished[0].playback_position == pytest.approx(heard.last, abs=0.2)
    finally:
        await avatar.aclose()
