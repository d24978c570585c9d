"""One avatar's life in a room, with the manners it was told to have."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

from avatar_provider_mock.options import MockOptions

logger = logging.getLogger("avatar_provider_mock")


class Avatar(Protocol):
    """A worker in a room, wherever it runs."""

    async def start(self) -> None:
        """Join."""

    async def leave(self) -> None:
        """Leave; idempotent."""

    async def crash(self) -> None:
        """Be gone without a word."""

    async def freeze(self) -> None:
        """Publish no more pictures."""

    async def go_deaf(self) -> None:
        """Play nothing and report nothing."""

    async def set_agent_state(self, state: str) -> None:
        """Look as the agent does."""


class AvatarRun:
    """Joins when it is told to, has its faults when it is told to, ends when it is told to.

    Args:
        options: Its manners.
        make_avatar: Makes a fresh avatar for each join.
    """

    def __init__(self, *, options: MockOptions, make_avatar: Callable[[], Avatar]) -> None:
        self._options = options
        self._make_avatar = make_avatar
        self._avatar: Avatar | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._agent_state: str | None = None

    async def start(self) -> None:
        """Join now, or see to it that it happens later, or never."""
        if self._options.never_join:
            return
        if self._options.join_delay > 0:
            self._at(self._options.join_delay, self._join)
        else:
            await self._join()

    async def end(self) -> None:
        """Leave, and forget what was still to happen."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        avatar, self._avatar = self._avatar, None
        if avatar is not None:
            await avatar.leave()

    async def set_agent_state(self, state: str) -> None:
        """Pass the agent's state on."""
        self._agent_state = state
        if self._avatar is not None:
            await self._avatar.set_agent_state(state)

    async def _join(self) -> None:
        await self._enter()
        options = self._options
        for delay, act in (
            (options.rejoin_after, self._leave_and_come_back),
            (options.leave_after, self._leave),
            (options.crash_after, lambda: self._do("crash")),
            (options.freeze_after, lambda: self._do("freeze")),
            (options.deaf_after, lambda: self._do("go_deaf")),
        ):
            if delay is not None:
                self._at(delay, act)

    async def _enter(self) -> None:
        self._avatar = self._make_avatar()
        await self._avatar.start()
        if self._agent_state is not None:
            await self._avatar.set_agent_state(self._agent_state)

    async def _leave(self) -> None:
        avatar, self._avatar = self._avatar, None
        if avatar is not None:
            await avatar.leave()

    async def _leave_and_come_back(self) -> None:
        await self._leave()
        await asyncio.sleep(self._options.away)
        await self._enter()

    async def _do(self, act: str) -> None:
        if self._avatar is not None:
            await getattr(self._avatar, act)()

    def _at(self, delay: float, act: Callable[[], Awaitable[None]]) -> None:
        async def later() -> None:
            await asyncio.sleep(delay)
            await act()

        task = asyncio.create_task(later(), name="avatar-mock-manners")
        task.add_done_callback(_log_failure)
        self._tasks.append(task)


def _log_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.error("the mock avatar failed", exc_info=error)
