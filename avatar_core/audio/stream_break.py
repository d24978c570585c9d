"""Whether the way to an avatar was made anew, or held up: what was on it is lost, or late."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from livekit import rtc

from avatar_core.audio.reception import Reception


class StreamBreak:
    """Notices that the receiver of a stream was gone from the room, and is back.

    It is, for the agent, when the agent's own connection starts anew, and when the avatar's does.
    Either way the receiver sees the sender go, and LiveKit ends the streams of who is gone
    (livekit rtc 1.1.21); a connection that is resumed, or was cut for a while, loses nothing.

    Args:
        room: The agent's room.
        identity: The receiver.
        reception: What the agent receives of it.
        on_break: Called when it is gone.
        on_return: Called when it is back and can be sent to.
    """

    def __init__(
        self,
        *,
        room: rtc.Room,
        identity: str,
        reception: Reception,
        on_break: Callable[[], None],
        on_return: Callable[[], None],
    ) -> None:
        self._room = room
        self._identity = identity
        self._reception = reception
        self._held_up_before = 0.0
        self._on_break = on_break
        self._on_return = on_return
        self._gone = self._lost = False
        self._late = False
        self.broken = False
        """The way was made anew since ``begin``: something may have got lost."""
        self._handlers: tuple[tuple[Any, Callable[..., None]], ...] = (
            ("participant_disconnected", self._left),
            ("participant_connected", self._look),
            ("participant_active", self._look),
            ("connection_state_changed", self._look),
        )

    @property
    def disturbed(self) -> bool:
        """Something may have got lost, or was late, since ``begin``."""
        return self.broken or self._late

    @property
    def connected(self) -> bool:
        """The agent's own connection is up."""
        return bool(self._room.connection_state == rtc.ConnectionState.CONN_CONNECTED)

    @property
    def away(self) -> bool:
        """It cannot be sent to: it is gone, or the agent's own connection is not up."""
        return self._gone or not self.connected

    def lost_here(self) -> None:
        """Note that the room refused what was sent; ``on_return`` is called as for a break."""
        self._lost = self.broken = True

    def start(self) -> None:
        """Begin to follow it."""
        for event, handler in self._handlers:
            self._room.on(event, handler)

    def stop(self) -> None:
        """Follow it no longer."""
        for event, handler in self._handlers:
            self._room.off(event, handler)

    def begin(self) -> None:
        """Note that a segment begins."""
        self.broken = self._late = self._lost = False
        self._held_up_before = self._reception.held_up

    def held_up_since(self) -> float:
        """Return the seconds for which nothing got through since the last time, or ``begin``."""
        held_up = self._reception.held_up
        more, self._held_up_before = held_up - self._held_up_before, held_up
        self._late = self._late or more > 0.0 or not self.connected
        return more

    def _left(self, participant: rtc.RemoteParticipant) -> None:
        if participant.identity == self._identity:
            self._gone = self.broken = True
            self._on_break()

    def _look(self, *_: object) -> None:
        if not (self._gone or self._lost) or not self.connected:
            return
        receiver = self._room.remote_participants.get(self._identity)
        # Data sent to a participant that is not active yet is dropped by the server.
        if receiver is None or receiver.state != rtc.ParticipantState.PARTICIPANT_STATE_ACTIVE:
            return
        self._gone = self._lost = False
        self._on_return()
