"""Doing something again and again, given up each time where it waits and was not given up yet."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from typing import Any, Literal

import pytest

from avatar_core import AvatarSession
from avatar_core.testing.call_stage import CallStage
from avatar_core.testing.suspensions import Suspension, Suspensions

MOST = 200
"""Far more suspensions than anything here has: going through them must come to an end."""

both_moments = pytest.mark.parametrize("woken", [False, True], ids=["waiting", "woken"])
"""When it begins to wait, and when what it waits for has come and it has not gone on yet."""

Other = Literal["session closed", "agent closes", "room goes"]
OTHERS: tuple[Other, ...] = ("session closed", "agent closes", "room goes")


async def at_every_await(
    give_up: Callable[[Collection[Suspension]], Awaitable[Suspensions]],
) -> dict[Suspension, bool]:
    """Give something up at each of its suspensions, until it gets through as all are known.

    Args:
        give_up: Does it once, given up at the first suspension that is not among those.

    Returns:
        All suspensions, and whether the one that waited there was cancelled there.

    Raises:
        AssertionError: It does not come to an end.
    """
    given_up: dict[Suspension, bool] = {}
    while len(given_up) < MOST:
        suspensions = await give_up(given_up)
        if suspensions.new is None:
            return given_up
        given_up[suspensions.new] = suspensions.cancelled_there
    raise AssertionError("there is always another suspension")


def tasks(suspensions: Collection[Suspension]) -> set[str]:
    """Names of the tasks that waited."""
    return {task for task, *_ in suspensions}


class Ends:
    """Ends a call in one of the ways that nobody asks the avatar about.

    Args:
        other: The way.
        stage: The call.
        avatar: The avatar in it.
    """

    def __init__(self, other: Other, stage: CallStage, avatar: AvatarSession) -> None:
        self._work = {
            "session closed": avatar.aclose,
            "agent closes": stage.agent_session.aclose,
            "room goes": stage.room.disconnect,
        }[other]
        self._tasks: list[asyncio.Task[None]] = []

    def __call__(self, _: asyncio.Task[Any]) -> None:
        """Begin to."""
        self._tasks.append(asyncio.create_task(self._work()))

    async def done(self) -> None:
        """Wait until it has, and no longer than anybody would."""
        await asyncio.wait_for(asyncio.gather(*self._tasks), 10)
