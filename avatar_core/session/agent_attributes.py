"""The avatar's state as attributes of the agent participant, for front ends."""

from __future__ import annotations

import asyncio
import contextlib

from livekit import rtc

from avatar_core.log import logger
from avatar_core.timed_wait import event_within

STATE = "avatar.state"
IDENTITY = "avatar.identity"
CLOSE_SECONDS = 2.0

TRIES = 5
PAUSE = 1.0
"""How often, and with how many seconds in between, what could not be told is told again."""

PASSING = ("starting", "joining")
PASSING_SECONDS = 0.1
"""Seconds that a passing state lasts before the room is told: a request costs the loop 2.4 ms,
which a quick start would pay twice for what nobody gets to see."""


class AgentAttributes:
    """Publishes the latest state; one request at a time, the last one wins.

    Args:
        room: The agent's room; before it is connected nothing is sent.
    """

    def __init__(self, *, room: rtc.Room) -> None:
        self._room = room
        self._wanted: dict[str, str] | None = None
        self._tries = 0
        self._task: asyncio.Task[None] | None = None
        self._due = asyncio.Event()

    def publish(self, *, state: str, identity: str) -> None:
        """Tell the room.

        Args:
            state: The avatar session's state.
            identity: The live avatar's identity, empty without one.
        """
        self._wanted = {STATE: state, IDENTITY: identity}
        self._tries = 0
        if state not in PASSING:
            self._due.set()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._send(), name="avatar-agent-attributes")

    async def aclose(self) -> None:
        """Wait for the last one to be sent, briefly."""
        if self._task is not None and not self._task.done():
            await asyncio.wait([self._task], timeout=CLOSE_SECONDS)
            self._task.cancel()
            await asyncio.wait([self._task])

    def _tell_again(self, untold: dict[str, str]) -> bool:
        """Keep what could not be told, unless there is news; returns whether it is kept."""
        if self._wanted is not None or self._tries >= TRIES:
            return False
        self._tries += 1
        self._wanted = untold
        return True

    async def _send(self) -> None:
        while self._wanted is not None and self._room.isconnected():
            if self._wanted[STATE] in PASSING:
                with contextlib.suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(self._due.wait(), PASSING_SECONDS)
            self._due.clear()
            wanted, self._wanted = self._wanted, None
            try:
                await self._room.local_participant.set_attributes(wanted)
            except Exception as exc:  # noqa: BLE001 - the SDK raises plain Exception
                # Needs the agent's token to allow it; the call goes on without. Where the
                # connection starts anew meanwhile it can be told behind that.
                if self._tell_again(wanted):
                    await event_within(self._due, PAUSE)
                logger.debug(
                    "avatar state not published as attributes",
                    extra={"error_type": type(exc).__name__},
                )
