"""The one start and the one end of an avatar session, however often they are asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from livekit import rtc
from livekit.agents import AgentSession

from avatar_core.contract.errors import ProviderError, SessionStateError
from avatar_core.discovery.selection import Resolved
from avatar_core.log import logger
from avatar_core.session.avatar_call import AvatarCall
from avatar_core.session.call_site import (
    CallSite,
    current_job,
    find_call_site,
    without_room,
)
from avatar_core.session.candidates import Candidates
from avatar_core.session.http_lease import HttpLease
from avatar_core.session.job_shutdown import close_with_job
from avatar_core.session.livekit_errors import as_livekit_error
from avatar_core.session.policy import AvatarPolicy
from avatar_core.session.provider_slot import ProviderSlot
from avatar_core.session.stand_by import StandBy
from avatar_core.session.status import SessionStatus

CANCELLED_END_SECONDS = 2.0
"""Seconds a cancelled start waits for what it started to be ended; then that goes on."""


@dataclass(frozen=True, kw_only=True)
class GivenCredentials:
    """What the caller of ``start()`` said about the LiveKit server; None is for the environment.

    Args:
        url: Server url.
        api_key: LiveKit API key.
        api_secret: LiveKit API secret.
    """

    url: str | None
    api_key: str | None
    api_secret: str | None


class AvatarLife:
    """Starts an avatar once and closes it once, in any order and from any task.

    Args:
        candidates: What may be started; none where the avatar is off.
        policy: Deadlines, and what to do when things go wrong.
        status: The session's state, changed from here.
        emit: Emits on the public session.
    """

    def __init__(
        self,
        *,
        candidates: Candidates,
        policy: AvatarPolicy,
        status: SessionStatus,
        emit: Callable[..., None],
    ) -> None:
        self._candidates = candidates
        self._policy = policy
        self._status = status
        self._emit = emit
        self._http: HttpLease | None = None
        self._prewarm_task: asyncio.Task[None] | None = None
        self._start_task: asyncio.Task[None] | None = None
        self._close_task: asyncio.Task[None] | None = None
        self._make_slot: Callable[[Resolved], ProviderSlot] | None = None
        self.call: AvatarCall | None = None
        """The call it was started in."""

    def prewarm(self) -> asyncio.Task[None]:
        """Prepare for a start; one task, however often it is asked for."""
        self._must_be_idle("prewarm() comes before start()")
        if self._prewarm_task is None:
            job = current_job()
            if job is not None:
                close_with_job(job, self)
            self._prewarm_task = asyncio.create_task(
                self._prewarm(self._lease_http()), name="avatar-prewarm"
            )
        return self._prewarm_task

    async def start(
        self, agent_session: AgentSession[Any], room: rtc.Room, given: GivenCredentials
    ) -> None:
        """Start it; a failed or cancelled start undoes what it did before it raises.

        Args:
            agent_session: The agent whose speech the avatar says.
            room: Its room.
            given: The caller's credentials.

        Raises:
            SessionStateError: It was started or closed before, or is closed meanwhile.
            AvatarError: The start failed.
        """
        self._must_be_idle(
            "start() works once, make a new AvatarSession for another start",
        )
        http = self._lease_http()
        call = self.call = AvatarCall(
            agent_session=agent_session,
            room=room,
            policy=self._policy,
            status=self._status,
            http=http,
            emit=self._emit,
            on_over=self._over,
        )
        # Before the first await, so that of two concurrent starts one cannot pay as well. The claim
        # comes first of all: the state that follows is told to the room only by who holds it.
        call.claim.take()
        self._status.to("starting", "start() was called")
        self._start_task = asyncio.create_task(
            self._start(call, room, http, given), name="avatar-start"
        )
        try:
            await asyncio.shield(self._start_task)
        except asyncio.CancelledError:
            closing = self._begin_close("start cancelled", CANCELLED_END_SECONDS)
            # By aclose(), which is under way then, or by an extension that cancels.
            by_itself = self._start_task.cancelled()
            await asyncio.shield(closing)
            if by_itself:
                raise SessionStateError("the avatar session was closed while it started") from None
            raise
        except Exception as exc:
            await asyncio.shield(self._begin_close("start failed", self._policy.end_timeout))
            if isinstance(exc, ProviderError):
                raise as_livekit_error(exc) from exc.__cause__
            raise

    async def switch(self, candidate: Resolved, *, at_boundary: bool) -> None:
        """Let another avatar speak, made before the present one goes.

        Args:
            candidate: Its provider and options.
            at_boundary: When the sentence under way is over, and not in the middle of it.

        Raises:
            SessionStateError: There is no avatar to switch from.
            AvatarError: It could not be brought in; the present one stays.
        """
        call, slot = self._changing(candidate)
        await call.switching.switch(slot, at_boundary=at_boundary)

    async def prepare(self, candidate: Resolved) -> StandBy:
        """Bring an avatar into the room and let it wait there.

        Args:
            candidate: Its provider and options.

        Raises:
            SessionStateError: There is no avatar to switch from.
            AvatarError: It could not be brought in.
        """
        call, slot = self._changing(candidate)
        return StandBy(run=await call.switching.prepare(slot), switching=call.switching)

    async def aclose(self) -> None:
        """End it and wait for that, no longer than ``AvatarPolicy.end_timeout`` allows."""
        await asyncio.shield(self._begin_close("aclose() was called", self._policy.end_timeout))

    async def end_with_job(self, *, timeout: float) -> None:
        """End it for good: the process goes with its job, and nothing can be ended behind it.

        Args:
            timeout: Seconds to take at most.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        closing = self._begin_close("the job ends", self._policy.end_timeout)
        await asyncio.wait([closing], timeout=timeout)
        if self.call is not None:
            await self.call.wait_unended(timeout=max(0.0, deadline - loop.time()))

    # --- how ------------------------------------------------------------------------------------

    def _must_be_idle(self, rule: str) -> None:
        if self._status.state != "idle":
            raise SessionStateError(f"this avatar session is {self._status.state}: {rule}")

    def _changing(self, candidate: Resolved) -> tuple[AvatarCall, ProviderSlot]:
        if self.call is None or self._make_slot is None or not self.call.claim.held:
            raise SessionStateError(
                f"this avatar session is {self._status.state} and has no avatar to switch from"
            )
        return self.call, self._make_slot(candidate)

    def _lease_http(self) -> HttpLease:
        if self._http is None:
            self._http = HttpLease(current_job())
        return self._http

    async def _prewarm(self, http: HttpLease) -> None:
        if without_room(current_job()) is None:
            await self._candidates.prewarm(http=http.pool)

    async def _start(
        self, call: AvatarCall, room: rtc.Room, http: HttpLease, given: GivenCredentials
    ) -> None:
        job = current_job()
        call.watch()
        reason = without_room(job) if self._candidates.resolved else "the avatar is off"
        if reason is not None:
            logger.info("no avatar in this call: %s", reason)
            call.claim.release()
            self._status.without_avatar = True
            self._status.to("voice_only", reason)
            return
        if job is not None:
            close_with_job(job, self)

        def find_site() -> CallSite:
            return find_call_site(
                room=room,
                job=job,
                url=given.url,
                api_key=given.api_key,
                api_secret=given.api_secret,
                allow_insecure_url=self._policy.allow_insecure_url,
            )

        def make_slot(candidate: Resolved) -> ProviderSlot:
            return self._candidates.slot(candidate, find_site=find_site, http=http.pool)

        self._make_slot = make_slot
        await call.start([make_slot(candidate) for candidate in self._candidates.resolved])

    def _over(self, reason: str) -> None:
        _ = self._begin_close(reason, self._policy.end_timeout)

    def _begin_close(self, reason: str, end_timeout: float) -> asyncio.Task[None]:
        if self._close_task is None:
            self._status.to("closing", reason)
            self._close_task = asyncio.create_task(
                self._close(reason, end_timeout), name="avatar-close"
            )
        return self._close_task

    async def _close(self, reason: str, end_timeout: float) -> None:
        try:
            for task in (self._prewarm_task, self._start_task):
                if task is None or task.done():
                    continue
                task.cancel()
                await asyncio.wait([task])
                if not task.cancelled():
                    # It failed by itself just then; the caller of start() is told, or is gone.
                    task.exception()
            if self.call is not None:
                await self.call.close(reason=reason, end_timeout=end_timeout)
            elif self._http is not None:
                await self._http.release()
        finally:
            self._status.to("closed", reason)
            if self.call is not None:
                await self.call.attributes.aclose()
