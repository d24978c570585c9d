"""Notices that the event loop stood still while a provider's hook ran."""

from __future__ import annotations

import asyncio
import time

from avatar_core.log import logger

PERIOD = 0.05
"""Seconds between two looks at the clock."""

TOLERATED_STALL = 0.5
"""Seconds the loop may stand still before it is said: below that a busy machine is as likely."""


class LoopStallWatch:
    """Logs the longest stall of the running loop between enter and exit.

    An ``async`` hook that blocks cannot be interrupted, and everything in the job waits for it:
    the agent falls silent. What can be done is to say whose hook ran meanwhile.

    Args:
        provider: Name for the log line.
        hook: Name for the log line.
    """

    def __init__(self, *, provider: str, hook: str) -> None:
        self._provider = provider
        self._hook = hook
        self._longest = 0.0
        self._due = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def __enter__(self) -> LoopStallWatch:
        self._loop = asyncio.get_running_loop()
        self._arm()
        return self

    def __exit__(self, *_: object) -> None:
        if self._timer is not None:
            self._timer.cancel()
        # A hook that blocked and then returned leaves before the timer had its turn.
        self._longest = max(self._longest, time.monotonic() - self._due)
        if self._longest > TOLERATED_STALL:
            logger.warning(
                "the event loop stood still while a provider's hook ran; nothing else in this"
                " process could go on",
                extra={
                    "provider": self._provider,
                    "hook": self._hook,
                    "stalled_seconds": round(self._longest, 3),
                },
            )

    def _arm(self) -> None:
        assert self._loop is not None
        self._due = time.monotonic() + PERIOD
        self._timer = self._loop.call_later(PERIOD, self._tick)

    def _tick(self) -> None:
        self._longest = max(self._longest, time.monotonic() - self._due)
        self._arm()
