"""Brings avatars into a call and lets them go."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from livekit import rtc
from livekit.agents import AgentSession

from avatar_core.audio.stream_sender import LAST_SOUND
from avatar_core.contract.errors import AvatarNotJoinedError
from avatar_core.session.avatar_run import AvatarRun
from avatar_core.session.candidate_start import CandidateStart, RunningSession
from avatar_core.session.ender import SessionEnder
from avatar_core.session.policy import AvatarPolicy
from avatar_core.session.provider_slot import ProviderSlot
from avatar_core.session.run_listener import RunListener
from avatar_core.session.speech_route import SpeechRoute
from avatar_core.session.states import StartAttempt


class AvatarRuns:
    """Starts avatars, waits for them, and sees to it that each one is ended.

    Args:
        agent_session: The agent whose speech they say.
        room: The agent's room.
        route: Where its speech goes.
        policy: Deadlines.
        ender: Who ends sessions.
        emit: Emits on the public session.
    """

    def __init__(
        self,
        *,
        agent_session: AgentSession[Any],
        room: rtc.Room,
        route: SpeechRoute,
        policy: AvatarPolicy,
        ender: SessionEnder,
        emit: Callable[..., None],
    ) -> None:
        self._agent_session = agent_session
        self._room = room
        self._route = route
        self._policy = policy
        self._ender = ender
        self._emit = emit
        self._leaving: set[asyncio.Task[None]] = set()
        self.attempts: list[StartAttempt] = []
        """Every try to start a provider, in order."""
        self._starter = CandidateStart(
            policy=policy,
            ender=ender,
            agent_session=agent_session,
            room=room,
            attempts=self.attempts,
        )

    async def first_to_start(
        self,
        slots: Sequence[ProviderSlot],
        *,
        fresh: Callable[[ProviderSlot], ProviderSlot],
        listener: RunListener,
    ) -> AvatarRun:
        """Start the first candidate that can be started; it is followed by the caller.

        Args:
            slots: The candidates, in order.
            fresh: Makes one ready for a start.
            listener: Who is told what becomes of it.

        Raises:
            AvatarError: None could be started.
        """
        return self._run(await self._starter.first_to_start(slots, fresh=fresh), listener)

    async def bring(self, slot: ProviderSlot, *, listener: RunListener) -> AvatarRun:
        """Start a candidate and wait until its avatar is there; one that is not, is ended.

        Raises:
            ConfigurationError: A mistake of the caller's.
            ProviderError: The provider failed.
            AvatarNotJoinedError: The avatar has not joined in time.
        """
        if slot.provider.info.capabilities.concurrent_sessions == 1:
            # The one before may be on its way out still.
            await self._ender.wait_for(slot.provider.name, timeout=self._policy.end_timeout)
        run = self._run(await self._starter.start(slot), listener)
        try:
            if await run.join():
                return run
        except asyncio.CancelledError:
            self.let_go(run, "it was not wanted any more")
            raise
        except BaseException:  # what its provider gave was unfit to be used
            self.let_go(run, "it could not be used")
            raise
        self.let_go(run, "it did not join in time")
        raise self.note_late(run)

    def note_late(self, run: AvatarRun) -> AvatarNotJoinedError:
        """Write down that an attempt came to nothing, for its avatar has not come."""
        error = AvatarNotJoinedError(
            f"the avatar of {run.provider} did not join within {self._policy.join_timeout:g} s"
            " (AvatarPolicy.join_timeout sets the limit)"
        )
        attempt = self.attempts[run.attempt]
        self.attempts[run.attempt] = replace(
            attempt, error=error, duration=time.time() - attempt.started_at
        )
        return error

    def let_go(self, run: AvatarRun, reason: str) -> None:
        """End an avatar at once, in the background; the word is somebody else's already."""
        self._ender.end(run.slot, run.session, reason=reason, remove_now=True)
        self._spawn(self._clear_away(run))

    async def end_first(self, run: AvatarRun, reason: str) -> None:
        """End an avatar and wait for that, as long as the policy says, before anything else."""
        self._spawn(self._clear_away(run))
        await self._ender.end_and_wait(
            run.slot, run.session, reason=reason, timeout=self._policy.end_timeout
        )

    def relieve(self, run: AvatarRun, reason: str) -> None:
        """End an avatar when its last word has reached its listeners, in the background."""
        self._spawn(self._relieve(run, reason))

    async def wait_gone(self) -> None:
        """Wait until whoever was let go is out of the way; their sessions are the ender's."""
        while self._leaving:
            await asyncio.wait(list(self._leaving))

    async def _relieve(self, run: AvatarRun, reason: str) -> None:
        try:
            await self._clear_away(run)
            await asyncio.sleep(LAST_SOUND)
        finally:
            self._ender.end(run.slot, run.session, reason=reason)

    async def _clear_away(self, run: AvatarRun) -> None:
        await run.stop_following()
        try:
            if run.end is not None:
                # Where its report gets lost, what is heard of it tells when it is silent.
                await self._route.drop_avatar(run.end)
        finally:
            await run.stop_listening()

    def _spawn(self, work: Any) -> None:
        task = asyncio.create_task(work, name="avatar-clear-away")
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    def _run(self, running: RunningSession, listener: RunListener) -> AvatarRun:
        return AvatarRun(
            running=running,
            agent_session=self._agent_session,
            room=self._room,
            policy=self._policy,
            speech=self._route.speech_at,
            emit=self._emit,
            listener=listener,
            attempt=len(self.attempts) - 1,
        )
