"""What the viewer hears: how loud it was, at every moment of the call."""

from __future__ import annotations

from bisect import bisect_left

import numpy as np

from avatar_core.demo.utterance import AUDIBLE_LEVEL, PAUSE_SECONDS
from avatar_core.demo.viewer import SAMPLE_RATE, Sound


class Hearing:
    """Keeps the level of every stretch of sound; asks cost a search, not a walk."""

    def __init__(self) -> None:
        self._times: list[float] = []  # of audible stretches only
        self._ends: list[float] = []
        self.level = 0.0

    def sound(self, sound: Sound) -> None:
        """Take what was received next."""
        if not len(sound.samples):
            return
        self.level = float(np.sqrt(np.mean(sound.samples.astype(np.float64) ** 2)))
        if self.level >= AUDIBLE_LEVEL:
            self._times.append(sound.at)
            self._ends.append(sound.at + len(sound.samples) / SAMPLE_RATE)

    def first(self, *, since: float, until: float) -> float | None:
        """Return when the first audible sound of a period began, None if there was none."""
        index = bisect_left(self._times, since)
        if index < len(self._times) and self._times[index] < until:
            return self._times[index]
        return None

    def last(self, *, since: float, until: float) -> float | None:
        """Return when the last audible sound of a period ended, None if there was none."""
        index = bisect_left(self._times, until) - 1
        if index >= 0 and self._times[index] >= since:
            return self._ends[index]
        return None

    def silence(self, *, since: float, until: float) -> float:
        """Return how many seconds of a period were silent, counting stretches over 0.25 s."""
        total, at = 0.0, since
        for index in range(bisect_left(self._times, since), bisect_left(self._times, until)):
            if self._times[index] - at > PAUSE_SECONDS:
                total += self._times[index] - at
            at = self._ends[index]
        return total + (until - at if until - at > PAUSE_SECONDS else 0.0)
