"""No avatar for an empty room, where the policy says so."""

from __future__ import annotations

import asyncio

from avatar_core.session.room_audience import RoomAudience
from avatar_core.session.succession import Succession
from avatar_core.session.switching import Switching


class EmptyRoom:
    """Ends the avatar when everybody has gone, and starts it again when somebody is back.

    Args:
        audience: Who is in the room.
        switching: Changes the avatar; one change at a time.
        succession: Who speaks.
        grace: Seconds that the room has to be empty: people reload pages.
    """

    def __init__(
        self,
        *,
        audience: RoomAudience,
        switching: Switching,
        succession: Succession,
        grace: float,
    ) -> None:
        self._audience = audience
        self._switching = switching
        self._succession = succession
        self._grace = grace
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to watch; a room that nobody has come to yet is not one that was left."""
        self._task = asyncio.create_task(self._watch(), name="avatar-empty-room")

    async def stop(self) -> None:
        """Stop watching."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _watch(self) -> None:
        while True:
            await self._audience.wait()
            await self._audience.wait_empty(seconds=self._grace)
            await self._switching.rest("nobody is in the room")
            await self._audience.wait()
            self._succession.wake()
