"""One shutdown callback a job, for all avatar sessions that it started."""

from __future__ import annotations

import asyncio
import weakref
from typing import TYPE_CHECKING, Protocol

from avatar_core.log import logger

if TYPE_CHECKING:
    from livekit.agents import JobContext

END_SECONDS = 8.0
"""Seconds for what is unended when the job ends: LiveKit kills the process after 10 s of shutdown
callbacks (livekit-agents 1.8.9)."""


class Closable(Protocol):
    """What is ended when a job ends."""

    async def end_with_job(self, *, timeout: float) -> None:
        """End it and what it left to be ended; idempotent, within ``timeout`` seconds."""


_sessions_of: weakref.WeakKeyDictionary[JobContext, weakref.WeakSet[Closable]] = (
    weakref.WeakKeyDictionary()
)


def close_with_job(job: JobContext, session: Closable) -> None:
    """Close a session at the latest when its job shuts down.

    LiveKit's shutdown callbacks cannot be removed, so there is one a job, and it holds its
    sessions weakly: a long job with many sessions keeps none of them alive.

    Args:
        job: The job the session was started in.
        session: The session.
    """
    sessions = _sessions_of.get(job)
    if sessions is None:
        sessions = _sessions_of[job] = weakref.WeakSet()
        held = sessions

        async def close_avatar_sessions() -> None:
            closing = (session.end_with_job(timeout=END_SECONDS) for session in list(held))
            for outcome in await asyncio.gather(*closing, return_exceptions=True):
                if isinstance(outcome, BaseException):
                    logger.error("an avatar session was not closed", exc_info=outcome)

        job.add_shutdown_callback(close_avatar_sessions)
    sessions.add(session)
