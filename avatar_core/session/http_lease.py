"""One connection pool a job, open as long as one of its avatar sessions needs it."""

from __future__ import annotations

import asyncio
import weakref
from typing import TYPE_CHECKING, Any

from avatar_core.provider_http.pool import HttpPool

if TYPE_CHECKING:
    from livekit.agents import JobContext


class _SharedPool:
    def __init__(self) -> None:
        self.pool = HttpPool()
        self.leases = 0


# By job; outside one by event loop, to which an HTTP client belongs.
_pools: weakref.WeakKeyDictionary[Any, _SharedPool] = weakref.WeakKeyDictionary()


class HttpLease:
    """A share in the connections of a job: the last one released closes them.

    Args:
        job: The current job, or None outside one: then the running event loop's connections.
    """

    def __init__(self, job: JobContext | None) -> None:
        owner = job if job is not None else asyncio.get_running_loop()
        self._shared = _pools.setdefault(owner, _SharedPool())
        self._shared.leases += 1
        self._released = False

    @property
    def pool(self) -> HttpPool:
        """The connections."""
        return self._shared.pool

    async def release(self) -> None:
        """Need them no longer; idempotent."""
        if self._released:
            return
        self._released = True
        self._shared.leases -= 1
        if self._shared.leases == 0:
            await self._shared.pool.aclose()
