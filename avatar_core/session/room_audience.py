"""Whether anybody is in the room to see an avatar."""

from __future__ import annotations

import asyncio

from livekit import rtc
from livekit.rtc.room import EventTypes

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
        await self._wait_for(present=True)

    async def wait_empty(self) -> None:
        """Wait until nobody is there."""
        await self._wait_for(present=False)

    async def _wait_for(self, *, present: bool) -> None:
        changed = asyncio.Event()

        def look(*_: object) -> None:
            changed.set()

        for event in _EVENTS:
            self._room.on(event, look)
        try:
            while self.present is not present:
                changed.clear()
                await changed.wait()
        finally:
            for event in _EVENTS:
                self._room.off(event, look)
