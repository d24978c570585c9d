from __future__ import annotations

import time

import numpy as np
import pytest
from livekit import rtc

from avatar_core.audio.speech_progress import SpeechProgress


def frame(seconds: float, *, level: int) -> rtc.AudioFrame:
    samples = np.full(round(seconds * 8000), level, dtype=np.int16)
    return rtc.AudioFrame(samples.tobytes(), 8000, 1, samples.size)


def progress(*pieces: tuple[float, int]) -> SpeechProgress:
    made = SpeechProgress()
    for seconds, level in pieces:
        made.add(frame(seconds, level=level))
    return made


@pytest.mark.parametrize(
    ("heard", "audible"),
    [(0.5, 0.5), (1.0, 1.0), (1.5, 1.0), (2.5, 1.5), (2.9, 1.9)],
)
def test_silence_in_what_should_have_been_heard_does_not_count(
    heard: float, audible: float
) -> None:
    speech = progress((1.0, 8000), (1.0, 20), (1.0, -8000)).now(started_at=time.time() - heard)
    assert speech is not None
    assert speech.started
    assert speech.audible == pytest.approx(audible, abs=0.05)


def test_before_the_end_has_begun_it_is_counted_from_when_it_was_given_the_speech() -> None:
    speech = progress((1.0, 8000)).now(started_at=None)
    assert speech is not None
    assert not speech.started
    assert speech.audible == pytest.approx(0.0, abs=0.2)


def test_nothing_is_said_before_the_first_frame_and_all_is_due_at_the_end() -> None:
    assert SpeechProgress().now(started_at=None) is None
    over = progress((1.0, 8000)).now(started_at=time.time() - 1.1)
    assert over is not None
    assert (over.audible, over.remaining) == (1.0, 0.0)


def test_one_stretch_is_told_from_the_next_and_the_loudest_sample_is_no_overflow() -> None:
    stretches = []
    for _ in range(2):
        speech = progress((1.0, -32768)).now(started_at=time.time() - 0.5)
        assert speech is not None
        assert speech.audible == pytest.approx(0.5, abs=0.05)
        stretches.append(speech.stretch)
    assert stretches[0] != stretches[1]
