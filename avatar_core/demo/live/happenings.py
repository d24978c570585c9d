"""What happened in a call: kept for whoever opens the page later, and told as it happens."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator
from typing import Any

Happening = dict[str, Any]
"""``kind``, ``at`` (Unix time in seconds), and what belongs to the kind; safe to show."""

KEPT = 2000
"""So many are kept: more than an hour of talk, and no more than a megabyte."""


class Happenings:
    """A log with listeners; use it from one event loop."""

    def __init__(self) -> None:
        self._kept: deque[Happening] = deque(maxlen=KEPT)
        self._listeners: set[asyncio.Queue[Happening | None]] = set()
        self._closed = False

    def tell(self, kind: str, **details: Any) -> None:
        """Note that something happened now.

        Args:
            kind: What.
            details: JSON values, without secrets.
        """
        happening = {"kind": kind, "at": details.pop("at", time.time()), **details}
        self._kept.append(happening)
        for listener in self._listeners:
            listener.put_nowait(happening)

    async def follow(self) -> AsyncIterator[Happening]:
        """Give everything kept, then what happens, until the log is closed."""
        queue: asyncio.Queue[Happening | None] = asyncio.Queue()
        for happening in self._kept:
            queue.put_nowait(happening)
        if self._closed:
            queue.put_nowait(None)
        self._listeners.add(queue)
        try:
            while (happening_or_end := await queue.get()) is not None:
                yield happening_or_end
        finally:
            self._listeners.discard(queue)

    def close(self) -> None:
        """Let every listener come to its end."""
        self._closed = True
        for listener in self._listeners:
            listener.put_nowait(None)
