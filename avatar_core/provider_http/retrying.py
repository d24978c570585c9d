"""Another attempt, if it makes sense and there is time for it."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception

from avatar_core.contract.models import ConnectOptions
from avatar_core.log import logger
from avatar_core.provider_http.attempt import AttemptFailedError

T = TypeVar("T")

FIRST_PAUSE = 0.1
"""Seconds before the first retry, as in LiveKit's plugins; from then on ``retry_interval``."""

JITTER = 0.25
"""Part of a pause by which it may be longer, so that agents do not come back in step."""


async def with_retries(
    attempt: Callable[[], Awaitable[T]],
    *,
    connect: ConnectOptions,
    deadline: float,
    clock: Callable[[], float],
    sleep: Callable[[float], Awaitable[None]],
    what: str,
) -> T:
    """Run attempts until one succeeds, or another makes no sense.

    Args:
        attempt: One attempt.
        connect: How many retries, how far apart.
        deadline: Value of ``clock`` by which all is over; a pause that would pass it is not made.
        clock: Seconds, monotonic.
        sleep: Waits.
        what: The request in a few words, for the log.

    Raises:
        AttemptFailedError: That of the last attempt.
    """

    def pause(state: RetryCallState) -> float:
        failed = _failure(state)
        base = FIRST_PAUSE if state.attempt_number == 1 else connect.retry_interval
        wait = base * (1 + random.uniform(0, JITTER))
        asked = failed.error.retry_after if failed else None
        return max(wait, asked or 0.0)

    def enough(state: RetryCallState) -> bool:
        return (
            state.attempt_number > connect.max_retry or clock() + state.upcoming_sleep >= deadline
        )

    def note(state: RetryCallState) -> None:
        failed = _failure(state)
        logger.warning(
            "a call to an avatar provider's API failed; trying again",
            extra={
                "call": what,
                "attempt": state.attempt_number,
                "error_type": type(failed.error).__name__ if failed else None,
                "status_code": failed.error.status_code if failed else None,
                "pause_seconds": round(state.upcoming_sleep, 3),
            },
        )

    retrying = AsyncRetrying(
        retry=retry_if_exception(lambda exc: isinstance(exc, AttemptFailedError) and exc.again),
        wait=pause,
        stop=enough,
        sleep=sleep,
        before_sleep=note,
        reraise=True,
    )
    return await retrying(attempt)


def _failure(state: RetryCallState) -> AttemptFailedError | None:
    error = state.outcome.exception() if state.outcome is not None else None
    return error if isinstance(error, AttemptFailedError) else None
