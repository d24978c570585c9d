"""Notices that an avatar that was told to be silent is silent, where it does not say so."""

from __future__ import annotations

import time
from collections.abc import Callable

from avatar_core.audio.alarm import Alarm
from avatar_core.audio.reception import Reception

HUSH = 0.5
"""Seconds for which a cleared avatar must have been silent to be taken for it: where packets are
lost its report takes up to a few seconds, and who is to speak next waits for it."""

_LOOK = 0.05


class Hush:
    """Listens for the end of the sound, by what the agent receives of it.

    Args:
        reception: What the agent receives of the avatar.
        on_hush: Called once with the unix time at which it fell silent, as far as is known.
    """

    def __init__(self, *, reception: Reception, on_hush: Callable[[float], None]) -> None:
        self._reception = reception
        self._on_hush = on_hush
        self._alarm = Alarm()
        self._started_at: float | None = None
        self._cleared_at = 0.0

    def listen(self, *, started_at: float | None) -> None:
        """Listen from now on: it was told to be silent.

        Args:
            started_at: Unix time at which the segment began to be played; None if it has not.
        """
        self._started_at, self._cleared_at = started_at, time.time()
        self._alarm.set(HUSH, self._look)
        self._reception.look_closely()

    def cancel(self) -> None:
        """Listen no longer."""
        self._alarm.cancel()

    def fell_silent(self) -> float | None:
        """Tell the unix time since when nothing was heard; None where that is not known."""
        heard_until = self._reception.heard_until
        # Of a segment that began just now nothing may have been listened to yet.
        if heard_until is None or self._started_at is None or heard_until <= self._started_at:
            return None
        return heard_until

    def _look(self) -> None:
        listening_since = self._reception.listening_since
        silent_since = self._reception.heard_until or self._cleared_at
        if listening_since is not None:
            silent_since = max(silent_since, self._cleared_at, listening_since)
        if listening_since is None or time.time() - silent_since < HUSH:
            self._alarm.set(_LOOK, self._look)
        else:
            self._on_hush(self.fell_silent() or self._cleared_at)
