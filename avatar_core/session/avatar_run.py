"""One session of a provider in one call: followed into the room, spoken through, let go."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, Protocol

from livekit import rtc
from livekit.agents import AgentSession

from avatar_core.audio.avatar_end import AvatarEnd
from avatar_core.session.avatar_metrics import AvatarMetricsSource
from avatar_core.session.avatar_presence import AvatarPresence
from avatar_core.session.candidate_start import RunningSession
from avatar_core.session.provider_notices import ProviderNotices

EARLY_SECONDS = 5.0
EARLY_SHARE = 0.8
"""By how much sooner than announced a provider may end a session for its age or for silence: its
clock runs from another moment than ours."""


class RunListener(Protocol):
    """Who is told what becomes of an avatar; called on the event loop."""

    def avatar_joined(self, run: AvatarRun) -> bool:
        """It is in the room, or back in it; returns whether it is wanted there."""

    def avatar_left(self, run: AvatarRun) -> None:
        """It is not in the room, and may come back."""

    def avatar_lost(self, run: AvatarRun, reason: str) -> None:
        """It will not come back, or cannot be spoken through."""

    def avatar_late(self, run: AvatarRun) -> None:
        """It has not joined in time."""


class AvatarRun:
    """Follows one provider session from its creation on.

    Args:
        running: The session, and the provider it is at.
        agent_session: The agent whose speech it says.
        room: The agent's room.
        join_timeout: Seconds to join, from when the agent's room is connected.
        emit: Emits on the public session.
        listener: Who is told.
        attempt: Which of the call's attempts started it, from 0.
    """

    def __init__(
        self,
        *,
        running: RunningSession,
        agent_session: AgentSession[Any],
        room: rtc.Room,
        join_timeout: float,
        emit: Callable[..., None],
        listener: RunListener,
        attempt: int,
    ) -> None:
        self.attempt = attempt
        self.started_at = time.time()
        self.slot = running.slot
        self.session = running.session
        self._room = room
        self._join_timeout = join_timeout
        self._listener = listener
        self._end: AvatarEnd | None = None
        self._presence: AvatarPresence | None = None
        self._join_timer: asyncio.Task[None] | None = None
        self._grace_timer: asyncio.TimerHandle | None = None
        self._outcome: asyncio.Future[bool] | None = None
        self.gone = asyncio.Event()
        """It will not come back, or cannot be spoken through."""
        self._notifying = False
        self._metrics = AvatarMetricsSource(
            agent_session=agent_session, provider=self.provider, emit=emit
        )
        self._notices = ProviderNotices(
            agent_session=agent_session, slot=self.slot, session=self.session
        )

    @property
    def provider(self) -> str:
        """Name of its provider."""
        return self.slot.provider.name

    @property
    def identity(self) -> str:
        """Identity of the avatar participant; empty where nobody joins a room."""
        return next(iter(self.session.identities), "")

    @property
    def end(self) -> AvatarEnd | None:
        """Where it gets its speech, the same one after it has come back; None before its join."""
        return self._end

    def explanation(self) -> str | None:
        """Say why its provider may have ended it by itself; None where nothing explains it."""
        now, session = time.time(), self.session
        if session.expires_at is not None and now >= session.expires_at - EARLY_SECONDS:
            return "its session had lasted as long as it may"
        silent_since = self._end.silent_since if self._end is not None else None
        if session.idle_timeout is None or silent_since is None:
            return None
        patience = max(session.idle_timeout - EARLY_SECONDS, EARLY_SHARE * session.idle_timeout)
        idle = now - silent_since
        return f"nothing was said for {idle:.0f} s" if idle >= patience else None

    async def join(self) -> bool:
        """Follow it and wait until it is there; returns whether it came in time."""
        self._outcome = asyncio.get_running_loop().create_future()
        self.follow()
        return await self._outcome

    def follow(self) -> None:
        """Begin to follow it; it may be there at once."""
        self._metrics.start()
        if self.slot.site is None:
            self._joined()
            return
        self._presence = AvatarPresence(
            room=self._room,
            identities=self.session.identities,
            audio=self.session.audio,
            on_joined=self._joined,
            on_left=self._left,
        )
        self._join_timer = asyncio.create_task(self._wait_for_join(), name="avatar-join-timer")
        self._presence.start()

    async def stop(self) -> None:
        """Follow it no longer; where it gets its speech is closed by whoever speaks through it."""
        if self._presence is not None:
            self._presence.stop()
        self._metrics.stop()
        self._stop_grace()
        self._stop_timer()
        if self._join_timer is not None:
            await asyncio.wait([self._join_timer])
        await self._notices.stop()

    def _joined(self) -> None:
        self._stop_grace()
        if self._end is None:
            self._end = AvatarEnd(
                room=self._room,
                audio=self.session.audio,
                report_lag=self.slot.provider.info.report_lag,
                on_failure=self._unreachable,
            )
        if self._outcome is not None and not self._outcome.done():
            self._outcome.set_result(True)
        elif not self._listener.avatar_joined(self):
            return
        self._stop_timer()
        self._metrics.joined()
        if not self._notifying:
            self._notifying = True
            self._notices.start()

    def _left(self) -> None:
        grace = self.slot.provider.info.rejoin_grace
        self._grace_timer = asyncio.get_running_loop().call_later(grace, self._is_gone)
        self._listener.avatar_left(self)

    def _is_gone(self) -> None:
        self.gone.set()
        self._listener.avatar_lost(self, "the avatar left the room and did not come back")

    def _unreachable(self, _: Exception) -> None:
        self.gone.set()
        self._listener.avatar_lost(self, "speech does not reach the avatar")

    def _stop_grace(self) -> None:
        if self._grace_timer is not None:
            self._grace_timer.cancel()
            self._grace_timer = None

    def _stop_timer(self) -> None:
        if self._join_timer is not None:
            self._join_timer.cancel()

    async def _wait_for_join(self) -> None:
        connected = asyncio.Event()

        def look(*_: object) -> None:
            if self._room.isconnected():
                connected.set()

        # Inside a job the avatar may be started long before the room is connected, and it cannot
        # be seen before.
        self._room.on("connection_state_changed", look)
        try:
            look()
            await connected.wait()
        finally:
            self._room.off("connection_state_changed", look)
        await asyncio.sleep(self._join_timeout)
        if self._outcome is not None and not self._outcome.done():
            self._outcome.set_result(False)
        else:
            self._listener.avatar_late(self)
