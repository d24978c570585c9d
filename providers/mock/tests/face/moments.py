"""Moments for a face to draw, and what can be seen in the pictures."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from livekit import rtc

from avatar_core.worker.renderer import Moment

from .voices import Samples

SILENCE: Samples = np.zeros(0, np.int16)
# Left, top, right, bottom in a picture of 512 x 512 of the style `person`.
MOUTH = (216, 288, 296, 352)
EYES = (180, 214, 332, 262)


def moment(
    time: float,
    *,
    audio: Samples = SILENCE,
    sample_rate: int = 48000,
    speaking: bool = False,
    state: str | None = None,
    segment: int = 0,
    position: float = 0.0,
) -> Moment:
    """Return a moment; by default nothing happens in it."""
    return Moment(
        time=time,
        speaking=speaking,
        audio=audio,
        sample_rate=sample_rate,
        position=position,
        segment=segment,
        agent_state=state,
    )


def quiet(seconds: float, *, start: float = 0.0, state: str | None = None) -> Iterator[Moment]:
    """Yield moments in which nothing is heard, 25 a second."""
    for index in range(round(seconds * 25)):
        yield moment(start + index / 25, state=state)


def luma(frame: rtc.VideoFrame) -> npt.NDArray[np.int16]:
    """Return the Y plane, signed, so that pictures can be subtracted."""
    flat = np.frombuffer(frame.data, np.uint8)[: frame.width * frame.height]
    return flat.reshape(frame.height, frame.width).astype(np.int16)


def dark(frame: rtc.VideoFrame, box: tuple[int, int, int, int], *, below: int = 70) -> int:
    """Count the dark pixels of a part of a picture."""
    left, top, right, bottom = box
    return int((luma(frame)[top:bottom, left:right] < below).sum())
