"""Starting the candidates in order, until one has made a session."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from livekit import rtc
from livekit.agents import AgentSession
from livekit.agents.voice.io import AudioOutput

from avatar_core.contract.audio_routes import DataStream, Discard, Sink
from avatar_core.contract.errors import (
    ConfigurationError,
    ProviderAuthError,
    ProviderError,
    ProviderTimeoutError,
)
from avatar_core.contract.models import StartedSession
from avatar_core.log import logger
from avatar_core.session.ender import (
    SessionEnder,
    cancelled_by_extension,
    leaves_session_open,
)
from avatar_core.session.policy import AvatarPolicy
from avatar_core.session.provider_slot import ProviderSlot
from avatar_core.session.states import StartAttempt


@dataclass(frozen=True, kw_only=True)
class RunningSession:
    """A session that was started, with the provider it is at.

    Args:
        slot: The provider, its options and requests.
        session: What it started.
    """

    slot: ProviderSlot
    session: StartedSession


class CandidateStart:
    """Starts candidates one after another; what it leaves behind goes to the ender.

    Args:
        policy: Deadlines.
        ender: Who ends sessions that nobody uses.
        agent_session: The agent's session.
        room: The agent's room.
        attempts: Where each try is written down.
    """

    def __init__(
        self,
        *,
        policy: AvatarPolicy,
        ender: SessionEnder,
        agent_session: AgentSession[Any],
        room: rtc.Room,
        attempts: list[StartAttempt],
    ) -> None:
        self._policy = policy
        self._ender = ender
        self._agent_session = agent_session
        self._room = room
        self._attempts = attempts

    async def first_to_start(
        self,
        slots: Sequence[ProviderSlot],
        *,
        fresh: Callable[[ProviderSlot], ProviderSlot] = lambda slot: slot,
    ) -> RunningSession:
        """Return the first session that could be started.

        Args:
            slots: The candidates, in order.
            fresh: Makes one ready for a start; called right before it.

        Raises:
            ConfigurationError: A mistake of the caller's; no other candidate hides it.
            ProviderAuthError: Refused credentials; neither does one hide these.
            ProviderError: The last candidate's error, when all have failed.
        """
        for slot in slots[:-1]:
            try:
                return await self.start(fresh(slot))
            except ProviderAuthError:
                raise
            except ProviderError as exc:
                logger.warning(
                    "an avatar provider failed to start; the next one is tried",
                    extra={"provider": slot.provider.name, "error_type": type(exc).__name__},
                )
        return await self.start(fresh(slots[-1]))

    async def start(self, slot: ProviderSlot) -> RunningSession:
        """Start one candidate, and write the try down.

        Raises:
            ConfigurationError: A mistake of the caller's.
            ProviderError: The provider failed.
        """
        started_at = time.time()
        began = time.monotonic()
        error: BaseException | None = None
        try:
            return RunningSession(slot=slot, session=await self._create(slot))
        except BaseException as exc:
            error = exc
            raise
        finally:
            self._attempts.append(
                StartAttempt(
                    provider=slot.provider.name,
                    started_at=started_at,
                    duration=time.monotonic() - began,
                    error=error,
                )
            )

    async def _create(self, slot: ProviderSlot) -> StartedSession:
        limit = slot.options.session_seconds or self._policy.default_session_seconds
        tokens = await slot.mint_tokens(ttl=limit + self._policy.token_margin)
        timeout = self._policy.start_timeout
        took = 0.0

        async def start() -> StartedSession:
            nonlocal took
            began = time.monotonic()
            try:
                return await slot.start(
                    tokens=tokens,
                    seconds=timeout,
                    agent_session=self._agent_session,
                    rtc_room=self._room,
                )
            finally:
                took = time.monotonic() - began

        await self._ender.ledger.intend(slot)
        work = asyncio.create_task(start(), name="avatar-start-session")
        try:
            # Never cancelled: a create request that is cut off has perhaps been billed.
            await asyncio.wait([work], timeout=timeout)
        except asyncio.CancelledError:
            self._ender.adopt(slot, work)
            raise
        if not work.done():
            self._ender.adopt(slot, work)
            raise ProviderTimeoutError(
                f"start_session did not finish within {timeout:g} s; what comes of it is ended"
                " (AvatarPolicy.start_timeout sets the limit)",
                provider=slot.provider.name,
            )
        if work.cancelled():  # not by the core: an extension did so to the task it runs in
            error = cancelled_by_extension(slot)
            self._ender.recover(slot, error)
            raise error
        try:
            session = work.result()
        except Exception as exc:
            # What is neither is an extension's, which refused before anything was sent.
            ours = isinstance(exc, (ProviderError, ConfigurationError))
            if ours and leaves_session_open(exc):
                self._ender.recover(slot, exc)
            else:
                self._ender.ledger.not_made(slot)
            raise
        self._ender.ledger.made(slot, session)
        if took > timeout:
            # The wait above ends at the deadline unless the loop cannot run. A hook that blocks it
            # is as late as one that awaits for so long, and is not used either.
            self._ender.end(slot, session, reason="start late")
            raise ProviderTimeoutError(
                f"start_session returned after {took:.3g} s, past its deadline of {timeout:g} s,"
                " for the event loop stood still meanwhile, as it does under an async hook that"
                " blocks. The session it made is ended",
                provider=slot.provider.name,
            )
        if (flaw := _flaw(session)) is not None:
            self._ender.end(slot, session, reason="start unusable")
            raise ProviderError(
                f"start_session returned a StartedSession whose {flaw}; a defect of the provider."
                " The session is ended",
                provider=slot.provider.name,
            )
        return session


def _flaw(session: StartedSession) -> str | None:
    """Say what of a session cannot be used: nobody has checked a plugin's types."""
    audio: object = session.audio
    if not isinstance(audio, (DataStream, Sink, Discard)):
        return f"audio is {type(audio).__name__} and not a DataStream, Sink or Discard"
    output: object = audio.output if isinstance(audio, Sink) else None
    if isinstance(audio, Sink) and not isinstance(output, AudioOutput):
        return f"Sink has an output that is {type(output).__name__} and no AudioOutput"
    identities: object = session.identities
    if not isinstance(identities, tuple) or not all(isinstance(i, str) for i in identities):
        return "identities are not a tuple of strings"
    return None
