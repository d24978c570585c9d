"""Notices that the room was lost, and why."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from livekit import rtc

from avatar_core.worker.options import CloseReason

REASON_SECONDS = 0.2
"""Seconds that the reason of a disconnect may come later than the disconnect itself."""

_REMOVED = frozenset(
    {
        rtc.DisconnectReason.PARTICIPANT_REMOVED,
        rtc.DisconnectReason.ROOM_DELETED,
        rtc.DisconnectReason.ROOM_CLOSED,
        rtc.DisconnectReason.DUPLICATE_IDENTITY,
    }
)


class DisconnectWatch:
    """Watches the connection to one room.

    Args:
        room: The worker's room.
        gone: Called with the reason when the room is lost; perhaps a second time.
    """

    def __init__(self, *, room: rtc.Room, gone: Callable[[CloseReason], None]) -> None:
        self._room = room
        self._gone = gone
        self._timer: asyncio.TimerHandle | None = None
        room.on("disconnected", self._on_disconnected)
        room.on("connection_state_changed", self._on_connection_changed)

    def close(self) -> None:
        """Stop watching."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._room.off("disconnected", self._on_disconnected)
        self._room.off("connection_state_changed", self._on_connection_changed)

    def _on_disconnected(self, reason: rtc.DisconnectReason.ValueType) -> None:
        self._gone(CloseReason.REMOVED if reason in _REMOVED else CloseReason.DISCONNECTED)

    def _on_connection_changed(self, state: object) -> None:
        # rtc 1.1.21 loses one of five "disconnected" events, and the reason with it.
        if state == rtc.ConnectionState.CONN_DISCONNECTED and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(
                REASON_SECONDS, self._gone, CloseReason.DISCONNECTED
            )
