"""One avatar in one call, from its start to its end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from livekit import rtc
from livekit.agents import AgentSession

from avatar_core.audio.alarm import Alarm
from avatar_core.contract.errors import ConfigurationError, ProviderAuthError, ProviderError
from avatar_core.log import logger
from avatar_core.session.agent_attributes import AgentAttributes
from avatar_core.session.agent_claim import AgentClaim
from avatar_core.session.avatar_run import AvatarRun
from avatar_core.session.avatar_runs import AvatarRuns
from avatar_core.session.empty_room import EmptyRoom
from avatar_core.session.ender import SessionEnder
from avatar_core.session.http_lease import HttpLease
from avatar_core.session.journal import open_journal
from avatar_core.session.policy import AvatarPolicy
from avatar_core.session.provider_slot import ProviderSlot
from avatar_core.session.renewal import Renewal
from avatar_core.session.room_audience import RoomAudience
from avatar_core.session.session_ledger import SessionLedger
from avatar_core.session.speech_route import SpeechRoute
from avatar_core.session.states import StartAttempt
from avatar_core.session.status import SessionStatus
from avatar_core.session.succession import Succession
from avatar_core.session.switching import Switching

VOICE_FIRST_SECONDS = 2.0
"""Seconds within which the avatar is silenced before its session is ended; after that its end does
not wait any more: LiveKit gives a job ten seconds for all of its shutdown."""

VOICE_BACK_SECONDS = 10.0
"""Seconds that silencing the avatar may take at most; then everything else is cleared away."""


class AvatarCall:
    """Brings an avatar into a room, routes speech to it while it is there, and ends it.

    Args:
        agent_session: The agent whose speech it says.
        room: The agent's room.
        policy: What to do when things go wrong.
        status: The session's state, changed from here.
        http: Its share in the job's connections; released when nothing is left to end.
        emit: Emits on the public session.
        on_over: Called when the AgentSession or the room is gone, with the reason.
    """

    def __init__(
        self,
        *,
        agent_session: AgentSession[Any],
        room: rtc.Room,
        policy: AvatarPolicy,
        status: SessionStatus,
        http: HttpLease,
        emit: Callable[..., None],
        on_over: Callable[[str], None],
    ) -> None:
        self._agent_session = agent_session
        self._room = room
        self._policy = policy
        self._status = status
        self._http = http
        self._on_over = on_over
        self._ender = SessionEnder(SessionLedger(journal=open_journal(), emit=emit))
        self._route = SpeechRoute(agent_session=agent_session, room=room)
        self._routing = False
        self._agent_is_closed = False
        self._http_task: asyncio.Task[None] | None = None
        self._late_back: asyncio.Task[None] | None = None
        self._patience = Alarm()
        self.claim = AgentClaim(agent_session)
        self.attributes = AgentAttributes(room=room)
        self._runs = AvatarRuns(
            agent_session=agent_session,
            room=room,
            route=self._route,
            policy=policy,
            ender=self._ender,
            emit=emit,
        )
        audience = RoomAudience(room=room)
        self._succession = Succession(
            runs=self._runs, audience=audience, route=self._route, policy=policy, status=status
        )
        self.switching = Switching(runs=self._runs, succession=self._succession, status=status)
        """Changes the avatar when that is asked for."""
        self._empty_room = EmptyRoom(
            audience=audience,
            switching=self.switching,
            succession=self._succession,
            grace=policy.empty_grace,
        )
        self._renewal = Renewal(
            switching=self.switching,
            succession=self._succession,
            limit=policy.max_session_seconds,
        )
        if policy.renew:
            self._succession.on_live = self._renewal.schedule

    @property
    def attempts(self) -> tuple[StartAttempt, ...]:
        """Every try to start a provider, in order."""
        return tuple(self._runs.attempts)

    @property
    def current(self) -> AvatarRun | None:
        """The avatar that speaks, or is to."""
        return self._succession.current

    def watch(self) -> None:
        """Notice the end of the AgentSession and of the room."""
        self._agent_session.on("close", self._agent_closed)
        # Not "disconnected": rtc 1.1.21 loses that event in one of five disconnects.
        self._room.on("connection_state_changed", self._connection_changed)

    async def start(self, slots: Sequence[ProviderSlot]) -> None:
        """Start the first candidate that can be started, and follow it into the room.

        Args:
            slots: The candidates, in order.

        Raises:
            AvatarError: The start failed in a way that the policy does not cover.
        """
        if not self.claim.held:
            raise ConfigurationError(
                "this AgentSession has another avatar, which speaks or may come back: aclose() it"
                " first, or use its switch() to change the avatar"
            )
        self._route.begin(hold=self._policy.while_joining == "wait")
        self._routing = True
        self._patience.set(self._policy.join_timeout, self._speak_meanwhile)
        try:
            await self._succession.begin(slots)
            if self._policy.when_room_empty == "end":
                self._empty_room.start()
        except ProviderAuthError:
            raise
        except ProviderError as exc:
            if self._policy.on_failure == "raise":
                raise
            logger.error(
                "no avatar in this call: the provider failed to start; the agent speaks with its"
                " own voice. %s",
                exc,
                extra={"provider": exc.provider, "error_type": type(exc).__name__},
            )
            await self.switching.stop()  # the agent's speech is nobody's any more
            await self._route.release()
            self.claim.release()
            self._status.to("voice_only", f"start failed: {exc}")
            self._status.give_up(f"start failed: {exc}")
            return

    async def close(self, *, reason: str, end_timeout: float) -> None:
        """End it: voice back first, then the session, then everything else.

        Args:
            reason: Why, for the provider's log.
            end_timeout: Seconds to wait for the end to be acknowledged.
        """
        self._room.off("connection_state_changed", self._connection_changed)
        back = asyncio.create_task(self._give_voice_back(), name="avatar-voice-back")
        await asyncio.wait([back], timeout=VOICE_FIRST_SECONDS)
        if not back.done():
            self._end_last(reason)
            await asyncio.wait([back], timeout=VOICE_BACK_SECONDS - VOICE_FIRST_SECONDS)
        if not back.done():
            # It goes on: whoever was to be followed no longer is stopped by it, if late.
            logger.error(
                "the avatar was not silenced within %g s; its session is ended all the same",
                VOICE_BACK_SECONDS,
            )
            self._late_back = back
            back.add_done_callback(lambda _: self._end_last(reason))
        back.add_done_callback(_tell_of_failure)
        self._agent_session.off("close", self._agent_closed)
        self.claim.release()
        self._end_last(reason)
        unended = await self._ender.wait(timeout=end_timeout)
        if unended or self._late_back is not None:
            self._http_task = asyncio.create_task(self._release_http_later(), name="avatar-http")
        else:
            await self._http.release()

    async def wait_unended(self, *, timeout: float) -> None:
        """Wait for what is still to be ended; of what is not by then a record is written.

        Args:
            timeout: Seconds to wait at most.
        """
        await self._ender.wait(timeout=timeout)
        self._ender.ledger.give_account()

    def _end_last(self, reason: str) -> None:
        if (last := self._succession.current) is not None:
            self._ender.end(last.slot, last.session, reason=reason)

    def _speak_meanwhile(self) -> None:
        """Keep the agent's speech back no longer: a provider may take its time to answer."""
        if self._status.state in ("starting", "joining"):
            logger.warning(
                "the avatar is not there after %g s; the agent speaks with its own voice until"
                " it is",
                self._policy.join_timeout,
            )
            self._route.use_voice()

    async def _give_voice_back(self) -> None:
        self._patience.cancel()
        await self._empty_room.stop()
        await self._renewal.stop()
        await self.switching.stop()
        last = await self._succession.stop()
        if last is not None:
            await self._silence(last)
        if self._routing and not self._agent_is_closed:
            await self._route.release()
        # The AgentSession may have closed while the avatar was silenced.
        if self._routing and self._agent_is_closed:
            await self._route.close()

    async def _silence(self, last: AvatarRun) -> None:
        try:
            if last.end is not None:
                # It may wait for its turn at a boundary: then the route knows nothing of it.
                await self._route.drop_avatar(last.end)
        finally:
            await last.stop_listening()

    # --- while it lives ------------------------------------------------------------------------

    def _agent_closed(self, *_: object) -> None:
        self._agent_is_closed = True
        self._on_over("the agent session closed")

    def _connection_changed(self, state: object) -> None:
        if state == rtc.ConnectionState.CONN_DISCONNECTED:
            self._on_over("the room was disconnected")

    async def _release_http_later(self) -> None:
        if self._late_back is not None:
            await asyncio.wait([self._late_back])
        await self._ender.wait_all()
        await self._http.release()


def _tell_of_failure(back: asyncio.Task[None]) -> None:
    if not back.cancelled() and (error := back.exception()) is not None:
        logger.error(
            "giving the agent its voice back failed; its session is ended all the same",
            exc_info=error,
        )
