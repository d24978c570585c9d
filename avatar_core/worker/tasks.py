"""How the worker's tasks end: noticed when they fail, waited for only so long."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from avatar_core.log import logger

_unfinished: set[asyncio.Task[None]] = set()


class Parts:
    """What a worker runs until it ends, by name."""

    def __init__(self) -> None:
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def spawn(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Run a part."""
        task = asyncio.create_task(work, name=f"avatar_worker.{name}")
        task.add_done_callback(log_failure)
        self._tasks[name] = task

    def stop(self, name: str) -> None:
        """End a part, if it is there."""
        task = self._tasks.get(name)
        if task is not None:
            task.cancel()

    async def aclose(self) -> None:
        """End all parts, and wait until they have ended."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        self._tasks.clear()


def log_failure(task: asyncio.Task[None]) -> None:
    """Log what ended a task that should run until it is cancelled; a done callback."""
    if not task.cancelled() and task.exception() is not None:
        logger.error(
            "avatar worker lost a part of itself; this is a bug",
            exc_info=task.exception(),
            extra={"part": task.get_name()},
        )


async def bounded(work: asyncio.Task[None], timeout: float, what: str) -> bool:
    """Wait for some work of the ending, but not for long; it is not cancelled.

    Args:
        work: The task that does it.
        timeout: Seconds.
        what: Names the work in the log.

    Returns:
        Whether it was done in time.
    """
    done, _ = await asyncio.wait([work], timeout=timeout)
    if not done:
        _unfinished.add(work)  # the event loop alone does not keep a task alive
        work.add_done_callback(_unfinished.discard)
        logger.warning("avatar worker gave up waiting for %s", what, extra={"timeout": timeout})
    elif not work.cancelled() and work.exception() is not None:
        logger.warning("avatar worker failed at %s", what, exc_info=work.exception())
    return bool(done)
