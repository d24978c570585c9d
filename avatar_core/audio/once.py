"""Getting an audio output ready: once, whoever waits for it and however often."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from avatar_core.log import logger

CANCEL_SECONDS = 1.0
"""Seconds for something of a provider's own to take its cancellation."""


class Once:
    """Awaits something once, however often, and by however many cancelled feeds, it is asked for.

    Args:
        make: What to await.
    """

    def __init__(self, make: Callable[[], Awaitable[None]]) -> None:
        self._make = make
        self._task: asyncio.Future[None] | None = None

    async def __call__(self) -> None:
        """Wait until it is done; raises what it raised."""
        if self._task is None:
            self._task = asyncio.ensure_future(self._make())
        await asyncio.shield(self._task)

    async def aclose(self) -> None:
        """Cancel it if it is under way."""
        if self._task is None or self._task.done():
            return
        self._task.cancel()
        await asyncio.wait([self._task], timeout=CANCEL_SECONDS)
        if not self._task.done():
            logger.warning("an audio output goes on getting ready, cancelled or not")
        elif not self._task.cancelled() and (error := self._task.exception()) is not None:
            logger.debug("not ready", extra={"error_type": type(error).__name__})
