from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import groupby

import numpy as np
import pytest
from livekit import rtc
from livekit.agents.voice.io import AudioOutput

from avatar_core.testing.call_stage import CallStage, tone
from avatar_core.testing.playback_log import PlaybackLog
from avatar_core.testing.speech_sound import (
    assert_whole,
    nothing,
    pitches,
    read_sweep,
    since,
    sweep,
)
from tests.calls.avatar_in_call import avatar_in

AVATAR = "mock-avatar-agent"


@pytest.mark.parametrize("count", [1, 40])
async def test_segments_back_to_back_are_heard_in_order_and_reported_once_each(
    stage: CallStage, count: int
) -> None:
    seconds = 0.12
    tones = [300.0 + 25.0 * index for index in range(count)]
    async with avatar_in(stage):
        session = stage.agent_session
        log = PlaybackLog(session.output.audio)
        handles = [session.say("word", audio=tone(seconds=seconds, hz=hz)) for hz in tones]
        await asyncio.gather(*(handle.wait_for_playout() for handle in handles))
        await stage.viewer.until_silent(AVATAR)
        assert log.order == "spf" * count
        assert not any(event.interrupted for event in log.finished)
        assert [event.playback_position for event in log.finished] == pytest.approx(
            [seconds] * count, abs=0.005
        )
        assert [event.duration for event in log.progressed] == pytest.approx(
            [seconds] * count, abs=0.005
        )
        assert tones_heard(stage, tones) == list(range(count)), "lost, repeated or out of order"


async def test_segments_pushed_without_waiting_for_playout_are_all_played(
    stage: CallStage,
) -> None:
    async with avatar_in(stage):
        output = stage.agent_session.output.audio
        assert output is not None
        log = PlaybackLog(tail_of(output))
        for index in range(20):
            async for frame in tone(seconds=0.1, hz=400 + 50 * index):
                await log.output.capture_frame(frame)
            log.output.flush()
        assert (await log.output.wait_for_playout()).playback_position == pytest.approx(0.1)
        await stage.viewer.until_silent(AVATAR)
        assert log.order == "spf" * 20
        tones = [400.0 + 50 * index for index in range(20)]
        assert tones_heard(stage, tones) == list(range(20)), "lost, repeated or out of order"


async def test_a_segment_without_audio_is_over_at_once_and_harms_none_after_it(
    stage: CallStage,
) -> None:
    async with avatar_in(stage):
        session = stage.agent_session
        log = PlaybackLog(session.output.audio)
        await session.say("", audio=nothing()).wait_for_playout()
        await session.say("said", audio=sweep(seconds=0.6)).wait_for_playout()
        await session.say("", audio=nothing()).wait_for_playout()
        await stage.viewer.until_silent(AVATAR)
        assert_whole(read_sweep(stage.viewer.heard[AVATAR].samples), seconds=0.6)
        assert log.order == "spf"


@pytest.mark.parametrize("rate", [8000, 24000, 48000])
async def test_five_milliseconds_are_a_segment(stage: CallStage, rate: int) -> None:
    async with avatar_in(stage):
        session = stage.agent_session
        log = PlaybackLog(session.output.audio)
        for _ in range(3):
            speech = tone(seconds=0.005, sample_rate=rate)
            await asyncio.wait_for(session.say("t", audio=speech).wait_for_playout(), 5)
        began = asyncio.get_running_loop().time()
        await session.say("said", audio=sweep(seconds=0.6)).wait_for_playout()
        await stage.viewer.until_silent(AVATAR)
        assert log.order == "spf" * 4
        assert [event.playback_position for event in log.finished] == pytest.approx(
            [0.005] * 3 + [0.6], abs=0.003
        )
        assert_whole(read_sweep(since(stage.viewer.heard[AVATAR], began)), seconds=0.6)


async def test_frames_of_a_millisecond_and_of_a_minute_are_one_speech(stage: CallStage) -> None:
    async with avatar_in(stage):
        session = stage.agent_session
        for frame_seconds in (0.001, 60.0):
            began = asyncio.get_running_loop().time()
            speech = sweep(seconds=1, frame_seconds=frame_seconds)
            await session.say("said", audio=speech).wait_for_playout()
            await stage.viewer.until_silent(AVATAR)
            assert_whole(read_sweep(since(stage.viewer.heard[AVATAR], began)), seconds=1)


async def test_speech_that_comes_slower_than_it_is_played_is_one_segment(
    stage: CallStage,
) -> None:
    parts: list[rtc.AudioFrame] = [frame async for frame in sweep(seconds=1.2)]
    heard = stage.viewer.heard[AVATAR]

    async def slow_tts() -> AsyncIterator[rtc.AudioFrame]:
        for index, frame in enumerate(parts):
            if index in (4, 8):  # the TTS has a hiccup: all so far has been heard
                await stage.viewer.until_heard(AVATAR, seconds=0.1 * index - 0.03)
                await stage.viewer.until(lambda: heard.times[-1] - heard.loud_times()[-1] > 0.15)
            yield frame

    async with avatar_in(stage):
        log = PlaybackLog(stage.agent_session.output.audio)
        await stage.agent_session.say("slow", audio=slow_tts()).wait_for_playout()
        await stage.viewer.until_silent(AVATAR)
        assert_whole(read_sweep(heard.samples), seconds=1.2)
        assert log.order == "spf"
        assert log.finished[0].playback_position == pytest.approx(1.2, abs=0.01)


def tones_heard(stage: CallStage, tones: list[float]) -> list[int]:
    """Which of the tones were heard, in order; windows in which one gives way to the next apart."""
    known = np.array(tones)
    heard = [
        int(np.abs(known - pitch).argmin())
        for _, pitch in pitches(stage.viewer.heard[AVATAR].samples)
    ]
    runs = [(index, len(list(same))) for index, same in groupby(heard)]
    steady = [index for index, windows in runs if windows >= 3]
    return [index for index, _ in groupby(steady)]


def tail_of(output: AudioOutput) -> AudioOutput:
    while output.next_in_chain is not None:
        output = output.next_in_chain
    return output
