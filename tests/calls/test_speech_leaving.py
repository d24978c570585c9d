from __future__ import annotations

import asyncio
import time

import pytest
from livekit.agents.voice.room_io import RoomOptions

from avatar_core.testing.call_stage import CallStage, tone
from avatar_core.testing.playback_log import PlaybackLog
from avatar_core.testing.speech_sound import assert_whole, read_sweep, since, sweep
from tests.calls.avatar_in_call import Order, avatar_in

AVATAR = "mock-avatar-agent"
TOGETHER = 0.25
"""Seconds in which both may be heard: two streams take different times to a listener."""

ORDERS = ["avatar first", "session first"]


def overlap(stage: CallStage) -> float:
    """Seconds in which avatar and voice are heard at once."""
    bins = [
        {round(at / 0.02) for at in stage.viewer.heard[who].loud_times()}
        for who in (AVATAR, "agent")
    ]
    return len(bins[0] & bins[1]) * 0.02


@pytest.mark.parametrize("order", ORDERS)
async def test_the_voice_says_the_rest_when_the_avatar_leaves(
    stage: CallStage, order: Order
) -> None:
    async with avatar_in(stage, order=order, leave_after=3.0) as avatar:
        states: list[str] = []
        avatar.on("state_changed", lambda event: states.append(event.new_state))
        log = PlaybackLog(stage.agent_session.output.audio)
        handle = stage.agent_session.say("a long sentence", audio=sweep(seconds=5))
        await asyncio.wait_for(handle.wait_for_playout(), 15)
        await stage.viewer.until_silent("agent")
        # On a fast machine its successor may already be there when the sentence ends.
        assert states[0] == "voice_only"
        by_avatar = read_sweep(stage.viewer.heard[AVATAR].samples)
        by_voice = read_sweep(stage.viewer.heard["agent"].samples)
        assert by_avatar.seconds > 0.3
        assert by_voice.seconds > 1
        both = read_sweep(stage.viewer.heard[AVATAR].samples, stage.viewer.heard["agent"].samples)
        # What is on its way to a listener when the avatar leaves is lost to him.
        assert both.first < 0.16
        assert both.last > 4.88
        assert both.missing < 0.6
        assert both.repeated < 0.2
        assert overlap(stage) <= TOGETHER
        assert len(log.started) == len(log.finished) == 1
        assert not log.finished[0].interrupted
        assert log.finished[0].playback_position == pytest.approx(5, abs=0.01)


async def test_what_is_said_after_the_avatar_left_is_said_by_the_voice(stage: CallStage) -> None:
    async with avatar_in(stage, leave_after=1.0) as avatar:
        await stage.viewer.until(lambda: avatar.state == "voice_only")
        began = time.monotonic()
        for _ in range(2):
            await stage.agent_session.say(
                "by the voice", audio=sweep(seconds=0.6)
            ).wait_for_playout()
            await stage.viewer.until_silent("agent")
            assert_whole(read_sweep(since(stage.viewer.heard["agent"], began)), seconds=0.6)
            began = time.monotonic()
        assert stage.viewer.heard[AVATAR].loud_seconds() == 0


async def test_the_avatar_speaks_again_when_it_comes_back(stage: CallStage) -> None:
    async with avatar_in(stage, rejoin_after=1.5, away=0.8) as avatar:
        handle = stage.agent_session.say("who says what", audio=sweep(seconds=5))
        await stage.viewer.until_heard("agent", seconds=0.2)
        await avatar.wait_for_join(timeout=20)
        await asyncio.wait_for(handle.wait_for_playout(), 20)
        await stage.viewer.until_silent(AVATAR)
        began = time.monotonic()
        await stage.agent_session.say("back again", audio=sweep(seconds=0.8)).wait_for_playout()
        await stage.viewer.until_silent(AVATAR)
        assert_whole(read_sweep(since(stage.viewer.heard[AVATAR], began)), seconds=0.8)
        assert overlap(stage) <= TOGETHER


async def test_a_crashed_avatar_leaves_the_sentence_to_the_voice(stage: CallStage) -> None:
    async with avatar_in(stage, crash_after=3.0):
        log = PlaybackLog(stage.agent_session.output.audio)
        handle = stage.agent_session.say("a long sentence", audio=sweep(seconds=5))
        await asyncio.wait_for(handle.wait_for_playout(), 15)
        await stage.viewer.until_silent("agent")
        both = read_sweep(stage.viewer.heard[AVATAR].samples, stage.viewer.heard["agent"].samples)
        assert both.first < 0.16
        assert both.last > 4.88
        assert both.missing < 0.6
        assert len(log.started) == len(log.finished) == 1


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("text_output", [True, False], ids=["transcription", "no text output"])
async def test_closed_in_mid_sentence_the_voice_says_the_rest(
    stage: CallStage, order: Order, text_output: bool
) -> None:
    agent = {"room_options": RoomOptions(text_output=text_output)}
    async with avatar_in(stage, order=order, agent=agent) as avatar:
        session = stage.agent_session
        log = PlaybackLog(session.output.audio)
        handle = session.say("a long sentence", audio=sweep(seconds=4))
        await stage.viewer.until_heard(AVATAR, seconds=1)
        await asyncio.wait_for(avatar.aclose(), 10)
        await asyncio.wait_for(handle.wait_for_playout(), 10)
        await stage.viewer.until_silent("agent")
        both = read_sweep(stage.viewer.heard[AVATAR].samples, stage.viewer.heard["agent"].samples)
        assert_whole(both, seconds=4, repeated=0.15, missing=0.25)
        assert overlap(stage) <= TOGETHER
        assert len(log.started) == len(log.finished) == 1
        assert not log.finished[0].interrupted
        log.assert_progress_covers(4)
        began = time.monotonic()
        log = PlaybackLog(session.output.audio)
        await session.say("the voice's own", audio=sweep(seconds=0.8)).wait_for_playout()
        await stage.viewer.until_silent("agent")
        assert_whole(read_sweep(since(stage.viewer.heard["agent"], began)), seconds=0.8)
        assert len(log.started) == len(log.finished) == 1


@pytest.mark.parametrize("order", ORDERS)
async def test_closed_before_it_has_joined_the_voice_says_what_was_held(
    stage: CallStage, order: Order
) -> None:
    async with avatar_in(stage, order=order, wait=False, never_join=True) as avatar:
        handle = stage.agent_session.say("a greeting", audio=sweep(seconds=1))
        await asyncio.wait_for(PlaybackLog(stage.agent_session.output.audio).captured(), 5)
        await asyncio.wait_for(avatar.aclose(), 10)
        await asyncio.wait_for(handle.wait_for_playout(), 10)
        await stage.viewer.until_silent("agent")
        sentence = read_sweep(stage.viewer.heard["agent"].samples)
        assert sentence.last > 0.88
        assert sentence.missing < 0.12


async def test_closed_with_sentences_waiting_all_are_said(stage: CallStage) -> None:
    async with avatar_in(stage) as avatar:
        session = stage.agent_session
        log = PlaybackLog(session.output.audio)
        handles = [session.say("word", audio=tone(seconds=0.6)) for _ in range(4)]
        await stage.viewer.until_heard(AVATAR, seconds=0.9)
        await avatar.aclose()
        await asyncio.wait_for(asyncio.gather(*(h.wait_for_playout() for h in handles)), 15)
        await stage.viewer.until_silent("agent")
        heard = (
            stage.viewer.heard[AVATAR].loud_seconds() + stage.viewer.heard["agent"].loud_seconds()
        )
        assert heard == pytest.approx(2.4, abs=0.3)
        assert len(log.started) == len(log.finished) == 4
        assert not any(event.interrupted for event in log.finished)


async def test_interrupted_while_it_closes_nobody_says_the_rest(stage: CallStage) -> None:
    async with avatar_in(stage) as avatar:
        session = stage.agent_session
        log = PlaybackLog(session.output.audio)
        handle = session.say("a long sentence", audio=sweep(seconds=4))
        await stage.viewer.until_heard(AVATAR, seconds=0.8)
        closing = asyncio.ensure_future(avatar.aclose())
        await asyncio.sleep(0)
        moment = time.monotonic()
        await asyncio.wait_for(session.interrupt(), 5)
        await asyncio.wait_for(asyncio.gather(closing, handle.wait_for_playout()), 10)
        await stage.viewer.until(lambda: time.monotonic() > moment + 1.2)
        last = max(
            [*stage.viewer.heard[AVATAR].loud_times(), *stage.viewer.heard["agent"].loud_times()]
        )
        assert last < moment + 0.5
        assert len(log.finished) == 1
        assert log.finished[0].interrupted
