"""How the worker's tasks end: noticed when they fail, waited for only so long."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

from avatar_core.log import logger


def log_failure(task: asyncio.Task[None]) -> None:
    """Log what ended a task that should run until it is cancelled; a done callback."""
    if not task.cancelled() and task.exception() is not None:
        logger.error(
            "avatar worker lost a part of itself; this is a bug",
            exc_info=task.exception(),
            extra={"part": task.get_name()},
        )


async def settled(task: asyncio.Task[None]) -> None:
    """Wait until a task is done, whatever came of it; it is not cancelled with the waiting."""
    await asyncio.wait([task])


async def bounded(work: Awaitable[None], timeout: float, what: str) -> None:
    """Do some work of the ending, and go on with the next if it takes too long.

    Args:
        work: What to do.
        timeout: Seconds.
        what: Names the work in the log.
    """
    try:
        await asyncio.wait_for(work, timeout)
    except asyncio.TimeoutError:
        logger.warning("avatar worker gave up on %s", what, extra={"timeout": timeout})
