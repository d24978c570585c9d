"""A clock that stands still while the agent's own event loop does."""

from __future__ import annotations

from collections import deque

_KEPT_SECONDS = 60.0


class JudgedClock:
    """Takes the stalls of the agent out of the time an avatar is judged by.

    While the loop stands still nothing is asked and nothing is read: silence in that time is
    the agent's own.
    """

    def __init__(self) -> None:
        self._stalls: deque[tuple[float, float, float]] = deque()
        self._dropped = 0.0

    def stalled(self, *, until: float, seconds: float) -> None:
        """Note a stall.

        Args:
            until: ``time.monotonic()`` at its end.
            seconds: Its length.
        """
        if seconds <= 0:
            return
        before = self._stalls[-1][2] if self._stalls else self._dropped
        self._stalls.append((until, seconds, before + seconds))
        while self._stalls[0][0] < until - _KEPT_SECONDS:
            self._dropped = self._stalls.popleft()[2]

    def at(self, moment: float) -> float:
        """Return the judged time of a moment of ``time.monotonic()`` within the last minute."""
        for until, seconds, total in reversed(self._stalls):
            if moment >= until:
                return moment - total
            if moment > until - seconds:
                return until - total
        return moment - self._dropped
