"""Notices that the agent has left the room, or never came."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from livekit import rtc

from avatar_core.worker.options import CloseReason

AGENT_STATE_ATTRIBUTE = "lk.agent.state"


class AgentPresence:
    """Watches one participant, or, until it is known which one, whether anyone is there.

    Args:
        room: The worker's room.
        identity: The agent's identity, None if not known yet.
        gone_after: Seconds without the agent until ``gone``; None never.
        join_timeout: The same for an agent that has not been seen yet.
        gone: Called once, with the reason.
        state_changed: Called with the agent's state as the agent publishes it.
    """

    def __init__(
        self,
        *,
        room: rtc.Room,
        identity: str | None,
        gone_after: float | None,
        join_timeout: float | None,
        gone: Callable[[CloseReason], None],
        state_changed: Callable[[str], None],
    ) -> None:
        self._room = room
        self._identity = identity
        self._gone_after = gone_after
        self._join_timeout = join_timeout
        self._gone = gone
        self._state_changed = state_changed
        self._seen = False
        self._timer: asyncio.TimerHandle | None = None
        room.on("participant_connected", self._check)
        room.on("participant_disconnected", self._check)
        room.on("participant_attributes_changed", self._on_attributes)

    def start(self) -> None:
        """Look for the agent; call when the room is connected."""
        self._check()
        if self._identity is not None:
            self._read_state(self._room.remote_participants.get(self._identity))

    def agent_is(self, identity: str) -> None:
        """Watch this participant from now on."""
        self._identity = identity
        self.start()

    def close(self) -> None:
        """Stop watching."""
        self._stop_timer()
        self._room.off("participant_connected", self._check)
        self._room.off("participant_disconnected", self._check)
        self._room.off("participant_attributes_changed", self._on_attributes)

    def _check(self) -> None:
        present = self._room.remote_participants
        if (self._identity in present) if self._identity is not None else bool(present):
            self._seen = True
            self._stop_timer()
            return
        reason = CloseReason.AGENT_LEFT if self._seen else CloseReason.AGENT_NEVER_CAME
        timeout = self._gone_after if self._seen else self._join_timeout
        if timeout is not None and self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(timeout, self._gone, reason)

    def _on_attributes(self, _: dict[str, str], participant: rtc.Participant) -> None:
        if self._identity is not None and participant.identity == self._identity:
            self._read_state(participant)

    def _read_state(self, participant: rtc.Participant | None) -> None:
        state = participant.attributes.get(AGENT_STATE_ATTRIBUTE) if participant else None
        if state:
            self._state_changed(state)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
