"""What the demo's agent says: samples with a name, whatever they were made from."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt
    from livekit import rtc

MAX_SECONDS = 600.0
"""Longest utterance in seconds: ten minutes of speech is a talk, not a demo."""

AUDIBLE_LEVEL = 100.0
"""Root mean square of int16 samples, over a stretch of 10 ms, from which sound counts as heard
(-50 dBFS): above Opus' comfort noise, below the quietest syllable."""

PAUSE_SECONDS = 0.25
"""Silence from this length on is a pause, as between sentences; between words it is shorter."""

_FRAME_SECONDS = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Utterance:
    """One stretch of speech.

    Args:
        label: What the timeline calls it.
        text: The transcript; empty when nobody knows it.
        samples: int16, mono.
        sample_rate: Rate of ``samples`` in Hz.
        source: Whether it was synthesised from text or read from a file.
    """

    label: str
    text: str
    samples: npt.NDArray[np.int16]
    sample_rate: int
    source: Literal["say", "audio"]

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return len(self.samples) / self.sample_rate

    async def frames(self) -> AsyncIterator[rtc.AudioFrame]:
        """Yield the samples as frames of 20 ms, as fast as they are taken: like a fast TTS."""
        from livekit import rtc

        step = round(self.sample_rate * _FRAME_SECONDS)
        for start in range(0, len(self.samples), step):
            chunk = self.samples[start : start + step]
            yield rtc.AudioFrame(chunk.tobytes(), self.sample_rate, 1, len(chunk))


def levels(
    samples: npt.NDArray[np.int16], *, sample_rate: int, step: float = 0.01
) -> npt.NDArray[np.float64]:
    """Return the root mean square of every whole stretch of sound.

    Args:
        samples: int16, mono.
        sample_rate: Rate of ``samples`` in Hz.
        step: Length of a stretch in seconds.
    """
    width = max(1, round(sample_rate * step))
    whole = len(samples) // width
    squares = samples[: whole * width].reshape(whole, width).astype(np.float64) ** 2
    return np.asarray(np.sqrt(squares.mean(axis=1)), dtype=np.float64)


def is_audible(samples: npt.NDArray[np.int16], *, sample_rate: int) -> bool:
    """Tell whether anyone could hear this: at least one stretch of 10 ms is loud enough."""
    return bool(np.any(levels(samples, sample_rate=sample_rate) >= AUDIBLE_LEVEL))


def silence_between(utterance: Utterance) -> float:
    """Return the seconds of pauses between the first and the last audible sound."""
    step = 0.01
    loud = levels(utterance.samples, sample_rate=utterance.sample_rate, step=step)
    gaps = (np.diff(np.flatnonzero(loud >= AUDIBLE_LEVEL)) - 1) * step
    return float(gaps[gaps > PAUSE_SECONDS].sum())
