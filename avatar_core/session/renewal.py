"""A successor before a session reaches the age at which its provider ends it."""

from __future__ import annotations

import asyncio
import time

from avatar_core.contract.errors import AvatarError
from avatar_core.log import logger
from avatar_core.session.avatar_run import AvatarRun
from avatar_core.session.succession import Succession
from avatar_core.session.switching import Switching

LEAD_SECONDS = 30.0
LEAD_SHARE = 0.25
"""How long before its end a session is renewed, at most this share of its life."""

HURRY_SECONDS = 4.0
HURRY_SHARE = 0.05
"""How long before its end the successor no longer waits for the sentence to be over."""

PAUSE_SHARE = 0.25
"""Part of the time that is left to wait after a renewal that failed."""


class Renewal:
    """Prepares a successor of the avatar that speaks, and lets it take over at a boundary.

    Args:
        switching: Brings the successor in.
        succession: Who speaks.
        limit: Seconds a session lasts where its provider does not say so, or says too much; None
            believes the provider.
    """

    def __init__(
        self, *, switching: Switching, succession: Succession, limit: float | None
    ) -> None:
        self._switching = switching
        self._succession = succession
        self._limit = limit
        self._tasks: set[asyncio.Task[None]] = set()
        self._waiting: asyncio.Task[None] | None = None
        self._of: AvatarRun | None = None

    def schedule(self, run: AvatarRun) -> None:
        """Renew this one in time; the one before is nobody's concern any more.

        Args:
            run: Who speaks from now on.
        """
        if run is self._of:
            return
        self._of = run
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
        cap = self._cap(run)
        if cap is not None:
            self._waiting = asyncio.create_task(self._renew(run, cap), name="avatar-renewal")
            self._tasks.add(self._waiting)
            self._waiting.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """Renew nobody."""
        self._of = self._waiting = None
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(list(self._tasks))

    def _cap(self, run: AvatarRun) -> float | None:
        """Unix time at which its session is over, as far as is known."""
        caps = []
        if run.session.expires_at is not None:
            caps.append(run.session.expires_at)
        if self._limit is not None:
            caps.append(run.started_at + self._limit)
        return min(caps, default=None)

    async def _renew(self, run: AvatarRun, cap: float) -> None:
        life = cap - run.started_at
        lead = min(LEAD_SECONDS, LEAD_SHARE * life)
        hurry = min(HURRY_SECONDS, HURRY_SHARE * life)
        await asyncio.sleep(max(0.0, cap - lead - time.time()))
        if self._waiting is asyncio.current_task():
            self._waiting = None  # it ends by itself when the successor speaks
        slot = self._succession.ring.original(run.slot)
        while run is self._succession.current and time.time() < cap:
            try:
                await self._switching.renew(slot, boundary_until=cap - hurry)
            except Exception as exc:  # noqa: BLE001 - an extension may refuse with anything
                logger.warning(
                    "an avatar session that is about to reach its limit was not renewed: %s",
                    exc if isinstance(exc, AvatarError) else type(exc).__name__,
                    extra={"provider": run.provider, "seconds_left": round(cap - time.time(), 1)},
                    exc_info=None if isinstance(exc, AvatarError) else exc,
                )
                await asyncio.sleep(max(0.5, PAUSE_SHARE * (cap - time.time())))
