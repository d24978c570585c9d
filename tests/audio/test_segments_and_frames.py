from __future__ import annotations

import asyncio

import numpy as np
import pytest
from livekit import rtc

from avatar_core.audio.audio_end import FrameConverter, heard_since
from avatar_core.audio.segment import Segment
from tests.audio.hand_output import speech, turns


async def test_frames_keep_what_their_maker_attached() -> None:
    segment = Segment()
    frame = speech(seconds=0.2)
    frame.userdata["words"] = "hello"
    segment.append(frame)
    segment.flush()
    assert [f.userdata async for f in segment.frames_from(0.0)] == [{"words": "hello"}]
    assert [f.userdata async for f in segment.frames_from(0.1)] == [{"words": "hello"}]


@pytest.mark.parametrize("position", [0.0, 0.05, 0.1, 0.25, 0.4])
@pytest.mark.parametrize("channels", [1, 2])
async def test_what_lies_behind_a_position_is_complete(position: float, channels: int) -> None:
    segment = Segment()
    for _ in range(4):
        segment.append(speech(seconds=0.1, channels=channels))
    segment.flush()
    frames = [frame async for frame in segment.frames_from(position)]
    assert sum(frame.duration for frame in frames) == pytest.approx(0.4 - position, abs=1e-4)
    assert all(len(frame.data) == frame.samples_per_channel * channels for frame in frames)


async def test_readers_wait_for_what_is_not_captured_yet() -> None:
    segment, got = Segment(), []

    async def read() -> None:
        async for frame in segment.frames_from(0.15):
            got.append(round(frame.duration, 3))

    reading = asyncio.ensure_future(read())
    for _ in range(3):
        segment.append(speech(seconds=0.1))
        await turns()
    assert got == [0.05, 0.1]
    segment.flush()
    await asyncio.wait_for(reading, 1)


@pytest.mark.parametrize("rate", [8000, 16000, 24000, 44100, 48000])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("wanted", [None, 16000, 24000])
def test_conversion_keeps_the_length_and_gives_the_format_asked_for(
    rate: int, channels: int, wanted: int | None
) -> None:
    converter = FrameConverter(sample_rate=wanted, mono=True)
    frames = [
        piece
        for _ in range(10)
        for piece in converter.push(speech(seconds=0.1, sample_rate=rate, channels=channels))
    ]
    frames += converter.flush()
    assert {(f.sample_rate, f.num_channels) for f in frames} == {(wanted or rate, 1)}
    assert sum(f.duration for f in frames) == pytest.approx(1.0, abs=0.01)


def test_a_change_of_rate_loses_nothing_of_what_came_before() -> None:
    converter = FrameConverter(sample_rate=16000, mono=True)
    frames: list[rtc.AudioFrame] = []
    for rate in (24000, 16000, 48000, 8000):
        frames += converter.push(speech(seconds=0.5, sample_rate=rate))
    frames += converter.flush()
    assert sum(f.duration for f in frames) == pytest.approx(2.0, abs=0.02)


def test_stereo_is_kept_where_it_is_wanted_and_mixed_where_not() -> None:
    left_and_right = np.array([[1000, 3000]] * 240, dtype=np.int16)
    frame = rtc.AudioFrame(left_and_right.tobytes(), 24000, 2, 240)
    (kept,) = FrameConverter(sample_rate=None, mono=False).push(frame)
    assert kept.num_channels == 2
    (mixed,) = FrameConverter(sample_rate=None, mono=True).push(frame)
    assert set(np.frombuffer(mixed.data, dtype=np.int16)) == {2000}


def test_heard_is_between_nothing_and_everything_that_was_given() -> None:
    import time

    assert heard_since(None, 5.0) == 0.0
    assert heard_since(time.time() - 100, 5.0) == 5.0
    assert heard_since(time.time() + 100, 5.0) == 0.0
    assert heard_since(time.time() - 1, 5.0) == pytest.approx(1.0, abs=0.2)
