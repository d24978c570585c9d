"""How much of a stretch of speech should have been heard by now, silence left out."""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass

import numpy as np
from livekit import rtc

from avatar_core.audio.audio_end import heard_since

AUDIBLE_PEAK = 500
"""Peak of a frame of int16 speech from which on somebody should hear it."""

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechUnderWay:
    """What an end is saying at one moment.

    Args:
        stretch: Tells one stretch of speech from the next.
        started: The end has said that it began.
        audible: Seconds of it, silence left out, that should have been heard by now; before
            ``started`` counted from when it was given the first of it.
        remaining: Seconds of what it was given that are still to be played.
    """

    stretch: int
    started: bool
    audible: float
    remaining: float


class SpeechProgress:
    """Follows what one end was given of one stretch."""

    def __init__(self) -> None:
        self._number = next(_numbers)
        self._given_at: float | None = None
        self._given = 0.0
        self._loud: list[tuple[float, float]] = []  # begin and end of each audible piece

    def add(self, frame: rtc.AudioFrame) -> None:
        """Note a frame that the end has been given."""
        if self._given_at is None:
            self._given_at = time.time()
        begin, self._given = self._given, self._given + frame.duration
        samples = np.frombuffer(frame.data, dtype=np.int16)
        if not samples.size or max(-int(samples.min()), int(samples.max())) < AUDIBLE_PEAK:
            return
        if self._loud and self._loud[-1][1] == begin:
            self._loud[-1] = (self._loud[-1][0], self._given)
        else:
            self._loud.append((begin, self._given))

    def now(self, *, started_at: float | None) -> SpeechUnderWay | None:
        """Say how far it should be; None if nothing was given.

        Args:
            started_at: Unix time at which the end began to play; None if it has not said so.
        """
        if self._given_at is None:
            return None
        position = heard_since(self._given_at if started_at is None else started_at, self._given)
        audible = sum(max(0.0, min(end, position) - begin) for begin, end in self._loud)
        return SpeechUnderWay(
            stretch=self._number,
            started=started_at is not None,
            audible=audible,
            remaining=max(0.0, self._given - position),
        )
