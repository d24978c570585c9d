"""A call at a later moment, put off or called off at will."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Alarm:
    """Calls once after a while, unless it is set anew or cancelled before."""

    def __init__(self) -> None:
        self._handle: asyncio.TimerHandle | None = None

    @property
    def lateness(self) -> float:
        """Seconds by which the event loop was late for it: asked in what it calls."""
        if self._handle is None:
            return 0.0
        return asyncio.get_running_loop().time() - self._handle.when()

    def set(self, delay: float, action: Callable[[], None]) -> None:
        """Call after so many seconds, and not as set before."""
        self.cancel()
        self._handle = asyncio.get_running_loop().call_later(max(0.0, delay), action)

    def cancel(self) -> None:
        """Do not call."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
