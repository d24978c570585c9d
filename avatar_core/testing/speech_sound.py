"""Speech that tells its own position, and what a listener can read from it.

A sweep rises steadily in pitch: the pitch heard says which moment of the speech it is, so that
what was lost, repeated or cut shows in what a third participant received.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from livekit import rtc

from avatar_core.testing.viewer import LOUD, SAMPLE_RATE, Heard

START_HZ = 400.0
SLOPE = 300.0
"""Hz a second: 10 ms of speech are 3 Hz, which a window of 40 ms can tell."""

HUM = 0.3
"""Seconds before its beginning that a sweep cannot be read at: what is lower is concealment."""

_WINDOW = 960
_STEP = 240


async def sweep(
    *,
    seconds: float,
    sample_rate: int = 24000,
    channels: int = 1,
    frame_seconds: float = 0.1,
    level: int = 8000,
    start_hz: float = START_HZ,
) -> AsyncIterator[rtc.AudioFrame]:
    """Yield a rising tone as fast as it is taken."""
    for frame in sweep_frames(
        seconds=seconds,
        sample_rate=sample_rate,
        channels=channels,
        frame_seconds=frame_seconds,
        level=level,
        start_hz=start_hz,
    ):
        yield frame


def sweep_frames(
    *,
    seconds: float,
    sample_rate: int = 24000,
    channels: int = 1,
    frame_seconds: float = 0.1,
    level: int = 8000,
    start_hz: float = START_HZ,
) -> list[rtc.AudioFrame]:
    """The same as a list; channels hold the same sound."""
    at = np.arange(round(seconds * sample_rate)) / sample_rate
    wave = np.sin(2 * np.pi * (start_hz * at + SLOPE * at * at / 2)) * level
    samples = wave.astype(np.int16)
    step = max(1, round(frame_seconds * sample_rate))
    return [
        rtc.AudioFrame(np.repeat(piece, channels).tobytes(), sample_rate, channels, len(piece))
        for piece in (samples[begin : begin + step] for begin in range(0, len(samples), step))
    ]


async def nothing() -> AsyncIterator[rtc.AudioFrame]:
    """Speech without a single frame."""
    none: tuple[rtc.AudioFrame, ...] = ()
    for frame in none:
        yield frame


def pitches(samples: npt.NDArray[np.int16]) -> list[tuple[float, float]]:
    """Time in seconds and pitch in Hz of every loud window."""
    found: list[tuple[float, float]] = []
    taper = np.hanning(_WINDOW)
    for begin in range(0, len(samples) - _WINDOW + 1, _STEP):
        window = samples[begin : begin + _WINDOW].astype(np.float64)
        quarters = np.abs(window).reshape(4, -1).max(axis=1)
        if quarters.min() < LOUD:
            continue  # speech begins, ends or breaks off within it
        spectrum = np.abs(np.fft.rfft(window * taper, n=4 * _WINDOW))
        peak = int(spectrum.argmax())
        if 0 < peak < len(spectrum) - 1:
            left, middle, right = np.log(spectrum[peak - 1 : peak + 2] + 1e-9)
            peak = peak + 0.5 * (left - right) / (left - 2 * middle + right)
        found.append(
            ((begin + _WINDOW / 2) / SAMPLE_RATE, float(peak) * SAMPLE_RATE / (4 * _WINDOW))
        )
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """What was heard of a sweep.

    Args:
        first: Earliest position heard, seconds.
        last: Latest one.
        missing: Longest stretch between them that was not heard, seconds.
        repeated: Seconds that were heard more than once.
        seconds: Seconds of sound.
        positions: Position of each window, in the order they were heard.
    """

    first: float
    last: float
    missing: float
    repeated: float
    seconds: float
    positions: list[float]


def read_sweep(*sounds: npt.NDArray[np.int16], start_hz: float = START_HZ) -> Sentence:
    """Read which part of a sweep was heard.

    Args:
        sounds: What was heard of it, one after another, from as many participants as spoke.
        start_hz: Pitch the sweep began with.
    """
    positions: list[float] = []
    for sound in sounds:
        positions += [(pitch - start_hz) / SLOPE for _, pitch in pitches(sound)]
    # A receiver that has to wait for a packet fills the gap with a hum below the sweep.
    positions = [position for position in positions if position > -HUM]
    if not positions:
        return Sentence(first=0, last=0, missing=0, repeated=0, seconds=0, positions=[])
    ordered = sorted(positions)
    back = sum(
        max(0.0, before - after)
        for before, after in zip(positions, positions[1:], strict=False)
        if before - after > 0.03
    )
    gaps = [after - before for before, after in zip(ordered, ordered[1:], strict=False)]
    return Sentence(
        first=ordered[0],
        last=ordered[-1],
        missing=max(gaps, default=0.0),
        repeated=back,
        seconds=len(positions) * _STEP / SAMPLE_RATE,
        positions=positions,
    )


def since(heard: Heard, moment: float) -> npt.NDArray[np.int16]:
    """What came after a ``time.monotonic()`` value."""
    chunks = [c for c, at in zip(heard.chunks, heard.times, strict=True) if at >= moment]
    return np.concatenate(chunks) if chunks else np.zeros(0, dtype=np.int16)


def assert_whole(
    sentence: Sentence, *, seconds: float, repeated: float = 0.3, missing: float = 0.25
) -> None:
    """A listener heard the sweep from its start to its end.

    Args:
        sentence: What was read.
        seconds: Length of the sweep.
        repeated: Seconds that may have been heard twice.
        missing: Seconds in the middle that may not have been heard.
    """
    assert sentence.first < 0.16, f"begins at {sentence.first:.2f} s"
    assert sentence.last > seconds - 0.12, f"ends at {sentence.last:.2f} of {seconds} s"
    assert sentence.missing < missing, f"{sentence.missing:.2f} s in the middle were not heard"
    assert sentence.repeated <= repeated, f"{sentence.repeated:.2f} s were heard twice"
