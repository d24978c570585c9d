"""Whether anybody is in the room to see an avatar."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from livekit import rtc
from livekit.rtc.room import EventTypes

from avatar_core.timed_wait import event_within

_MACHINES = frozenset(
    {
        rtc.ParticipantKind.PARTICIPANT_KIND_AGENT,
        rtc.ParticipantKind.PARTICIPANT_KIND_EGRESS,
    }
)
"""Kinds that look at no face. An ingress is somebody's stream, a SIP call somebody's phone."""


_EVENTS: tuple[EventTypes, ...] = (
    "participant_connected",
    "participant_disconnected",
    "connection_state_changed",
)

SETTLING_SECONDS = 0.5
"""Seconds, at least, for which a room is seen empty before it counts as such: where it is the
agent's own connection that is gone, everybody goes first, and that is told after it."""


class RoomAudience:
    """The people in the agent's room.

    Args:
        room: The agent's room.
    """

    def __init__(self, *, room: rtc.Room) -> None:
        self._room = room

    @property
    def present(self) -> bool:
        """Whether anybody is there."""
        return self._room.isconnected() and any(
            participant.kind not in _MACHINES
            for participant in self._room.remote_participants.values()
        )

    async def wait(self) -> None:
        """Wait until somebody is there."""
        await self._until(lambda: self.present)

    async def wait_empty(self, *, seconds: float) -> None:
        """Wait until nobody has been there for a while.

        Where the agent's own connection starts anew, everybody seems to leave, and comes back a
        while after it has: such a time does not count.

        Args:
            seconds: How long.
        """
        least = max(seconds, SETTLING_SECONDS)
        await self._until(self._is_empty)
        while await self._until(lambda: not self._is_empty(), within=least):
            await self._until(self._is_empty)

    def _is_empty(self) -> bool:
        connected = self._room.connection_state == rtc.ConnectionState.CONN_CONNECTED
        return connected and not self.present

    async def _until(self, condition: Callable[[], bool], *, within: float = float("inf")) -> bool:
        changed = asyncio.Event()
        deadline = time.monotonic() + within

        def look(*_: object) -> None:
            changed.set()

        for event in _EVENTS:
            self._room.on(event, look)
        try:
            while not condition():
                changed.clear()
                if deadline == float("inf"):
                    await changed.wait()
                elif not await event_within(changed, deadline - time.monotonic()):
                    return False
            return True
        finally:
            for event in _EVENTS:
                self._room.off(event, look)
