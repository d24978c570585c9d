"""The emulator's time: the machine's, or one that a test moves."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from collections.abc import Callable
from typing import Protocol


class Timer(Protocol):
    """Something that is going to happen."""

    def cancel(self) -> None:
        """Let it not happen."""


class Clock(Protocol):
    """Tells the time, and calls back at one."""

    def now(self) -> float:
        """Return the unix time in seconds."""

    def call_later(self, seconds: float, act: Callable[[], None]) -> Timer:
        """Call back once, on the event loop."""


class SystemClock:
    """The machine's time."""

    def now(self) -> float:
        """Return the unix time in seconds."""
        return time.time()

    def call_later(self, seconds: float, act: Callable[[], None]) -> Timer:
        """Call back once, on the event loop."""
        return asyncio.get_running_loop().call_later(max(0.0, seconds), act)


class ManualClock:
    """A time that stands still until ``advance`` moves it.

    Args:
        now: Unix time to begin at, in seconds.
    """

    def __init__(self, now: float = 1_790_000_000.0) -> None:
        self._now = now
        self._order = itertools.count()
        self._due: list[tuple[float, int, _ManualTimer]] = []

    def now(self) -> float:
        """Return the unix time in seconds."""
        return self._now

    def call_later(self, seconds: float, act: Callable[[], None]) -> Timer:
        """Call back once ``advance`` has got there."""
        timer = _ManualTimer(act)
        heapq.heappush(self._due, (self._now + max(0.0, seconds), next(self._order), timer))
        return timer

    def advance(self, seconds: float) -> None:
        """Move the time on, and let happen what is due on the way, in order."""
        end = self._now + seconds
        while self._due and self._due[0][0] <= end:
            self._now, _, timer = heapq.heappop(self._due)
            timer.run()
        self._now = end


class _ManualTimer:
    def __init__(self, act: Callable[[], None]) -> None:
        self._act: Callable[[], None] | None = act

    def cancel(self) -> None:
        self._act = None

    def run(self) -> None:
        act, self._act = self._act, None
        if act is not None:
            act()
