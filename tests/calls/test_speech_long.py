from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from livekit import rtc

from avatar_core.audio.front_sink import UNHEARD_LIMIT
from avatar_core.testing.call_stage import CallStage, tone
from avatar_core.testing.playback_log import PlaybackLog
from avatar_core.testing.speech_sound import assert_whole, read_sweep, since, sweep
from tests.calls.avatar_in_call import avatar_in

AVATAR = "mock-avatar-agent"
MINUTES = 180.0


class FastTts:
    """Pushes three minutes as fast as they are taken, and notes how much was taken."""

    def __init__(self) -> None:
        self.taken = 0.0
        self._took = asyncio.Event()

    async def __call__(self) -> AsyncIterator[rtc.AudioFrame]:
        async for frame in tone(seconds=MINUTES, hz=440, frame_seconds=0.5):
            yield frame
            self.taken += frame.duration
            self._took.set()

    async def until_it_stands_still(self) -> None:
        """Wait until the limit is reached, and no more is taken at once."""
        while True:
            self._took.clear()
            try:
                await asyncio.wait_for(self._took.wait(), 0.2)
            except asyncio.TimeoutError:
                if self.taken > UNHEARD_LIMIT - 0.5:
                    return


async def test_a_minute_is_taken_at_once_and_an_interruption_lets_go_of_the_rest(
    stage: CallStage,
) -> None:
    async with avatar_in(stage):
        session, tts = stage.agent_session, FastTts()
        log = PlaybackLog(session.output.audio)
        began = time.monotonic()
        handle = session.say("a lecture", audio=tts())
        await asyncio.wait_for(tts.until_it_stands_still(), 8)
        played = time.monotonic() - began
        assert UNHEARD_LIMIT - 0.5 <= tts.taken <= UNHEARD_LIMIT + played + 1.0
        await stage.viewer.until_heard(AVATAR, seconds=1.5)
        moment = time.monotonic()
        await asyncio.wait_for(session.interrupt(), 5)
        await asyncio.wait_for(handle.wait_for_playout(), 5)
        assert await stage.viewer.until_silent(AVATAR, seconds=0.6) < moment + 1.5
        assert log.order == "spf"
        assert log.finished[0].interrupted
        heard = stage.viewer.heard[AVATAR].loud_seconds()
        assert log.finished[0].playback_position == pytest.approx(heard, abs=0.25)
        began = time.monotonic()
        await session.say("next", audio=sweep(seconds=0.8)).wait_for_playout()
        await stage.viewer.until_silent(AVATAR)
        assert_whole(read_sweep(since(stage.viewer.heard[AVATAR], began)), seconds=0.8)


async def test_playback_makes_room_for_more(stage: CallStage) -> None:
    async with avatar_in(stage):
        session, tts = stage.agent_session, FastTts()
        handle = session.say("a lecture", audio=tts())
        await asyncio.wait_for(tts.until_it_stands_still(), 8)
        before = tts.taken
        await stage.viewer.until(lambda: tts.taken >= before + 1.5)
        heard = stage.viewer.heard[AVATAR].loud_seconds()
        assert tts.taken - heard <= UNHEARD_LIMIT + 1.5
        await asyncio.wait_for(session.interrupt(), 5)
        await asyncio.wait_for(handle.wait_for_playout(), 5)


async def test_speech_held_for_an_avatar_is_bounded_too_and_let_go_by_an_interruption(
    stage: CallStage,
) -> None:
    async with avatar_in(stage, wait=False, never_join=True):
        session, tts = stage.agent_session, FastTts()
        handle = session.say("a lecture", audio=tts())
        await asyncio.wait_for(tts.until_it_stands_still(), 8)
        assert tts.taken <= UNHEARD_LIMIT + 0.5
        await asyncio.wait_for(session.interrupt(), 5)
        await asyncio.wait_for(handle.wait_for_playout(), 5)


@pytest.mark.parametrize("never_join", [True, False], ids=["held", "speaking"])
async def test_closing_the_agent_session_does_not_wait_for_a_lecture(
    stage: CallStage, never_join: bool
) -> None:
    async with avatar_in(stage, wait=not never_join, never_join=never_join) as avatar:
        session, tts = stage.agent_session, FastTts()
        _ = session.say("a lecture", audio=tts())
        await asyncio.wait_for(tts.until_it_stands_still(), 8)
        await asyncio.wait_for(session.aclose(), 5)
        await asyncio.wait_for(avatar.aclose(), 5)
        assert avatar.state == "closed"


async def test_a_capture_cancelled_while_it_waits_has_not_happened(stage: CallStage) -> None:
    async with avatar_in(stage, wait=False, never_join=True):
        output = stage.agent_session.output.audio
        assert output is not None
        log = PlaybackLog(output)
        frames = [frame async for frame in tone(seconds=61, frame_seconds=1.0)]
        for frame in frames:
            await asyncio.wait_for(output.capture_frame(frame), 1)
        waiting = asyncio.ensure_future(output.capture_frame(frames[0]))
        done, _ = await asyncio.wait([waiting], timeout=0.5)
        assert not done
        waiting.cancel()
        await asyncio.wait([waiting])
        output.flush()
        output.clear_buffer()
        await asyncio.wait_for(output.wait_for_playout(), 2)
        assert log.order == "f"
