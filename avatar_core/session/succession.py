"""Which avatar speaks in a call: the first, and the next one after a loss."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence

from avatar_core.contract.errors import AvatarNotJoinedError, SessionStateError
from avatar_core.log import logger
from avatar_core.session.avatar_run import AvatarRun
from avatar_core.session.avatar_runs import AvatarRuns
from avatar_core.session.candidate_ring import CandidateRing
from avatar_core.session.loss_ages import LOSS_AGES
from avatar_core.session.policy import AvatarPolicy
from avatar_core.session.provider_slot import ProviderSlot
from avatar_core.session.recovery import Recovery
from avatar_core.session.recovery_gate import RecoveryGate
from avatar_core.session.room_audience import RoomAudience
from avatar_core.session.speech_route import SpeechRoute
from avatar_core.session.status import SessionStatus


class Succession:
    """Gives the word to the avatar that is there, and brings in another where one was lost.

    Args:
        runs: Who brings avatars in and lets them go.
        audience: Who is there to see an avatar; for nobody none is started.
        route: Where the agent's speech goes.
        policy: Deadlines, and what to do when things go wrong.
        status: The session's state, changed from here.
    """

    def __init__(
        self,
        *,
        runs: AvatarRuns,
        audience: RoomAudience,
        route: SpeechRoute,
        policy: AvatarPolicy,
        status: SessionStatus,
    ) -> None:
        self._runs = runs
        self._route = route
        self._policy = policy
        self._status = status
        self.ring = CandidateRing()
        """The candidates, and which of them is used."""
        self._recovery = Recovery(
            runs=runs,
            ring=self.ring,
            audience=audience,
            route=route,
            policy=policy,
            status=status,
            listener=self,
            found=self._found,
        )
        self._taking_over: asyncio.Task[None] | None = None
        self._gate = RecoveryGate(otherwise=self._recovery.bring_back)
        self._live_since: float | None = None
        self.current: AvatarRun | None = None
        """The avatar that speaks, or is to."""
        self.on_live: Callable[[AvatarRun], None] | None = None
        """Called with each avatar that speaks from now on."""
        self.on_other_lost: Callable[[AvatarRun], None] | None = None
        """Called with one that was lost and does not speak."""

    async def begin(self, slots: Sequence[ProviderSlot]) -> None:
        """Start the first candidate that can be started, and follow it into the room.

        Args:
            slots: The candidates, in order.

        Raises:
            AvatarError: None could be started.
        """
        self.ring.fill(slots)
        self.current = await self._runs.first_to_start(slots, fresh=self.ring.fresh, listener=self)
        self.ring.use(self.current.slot)
        self._status.to("joining", "the provider made a session")
        self.current.follow()

    async def stop(self) -> AvatarRun | None:
        """Start nothing more and follow nobody; returns the one whose session is not ended yet."""
        self._gate.stopped = True
        await self._stop_recovery()
        if self.current is not None:
            await self.current.stop_following()
        await self._runs.wait_gone()
        return self.current

    # --- a change that was asked for -----------------------------------------------------------

    @contextlib.asynccontextmanager
    async def changed_by_hand(self) -> AsyncIterator[None]:
        """Bring nobody in for one that was lost, and give nobody the word, while this is open.

        Behind it that is made up for: somebody is brought in if nobody is there.
        """
        try:
            with self._gate.changed_by_hand():
                await self._stop_recovery()
                yield
        finally:
            self._resume_recovery()

    async def _stop_recovery(self) -> None:
        await self._recovery.stop()
        if self._taking_over is not None and not self._taking_over.done():
            self._taking_over.cancel()
            await asyncio.wait([self._taking_over])

    def _resume_recovery(self) -> None:
        """Bring somebody in if nobody is there, and give the word to who is there without it."""
        if self.current is None:
            if not self._status.given_up:
                self._gate.bring_in_what_is_owed()
        elif self._status.state == "voice_only" and self.current.present:
            self._take_over_later(self.current)

    async def rest(self, reason: str) -> None:
        """Let the avatar go until ``wake``; the voice speaks meanwhile.

        Args:
            reason: Why, in a few words.
        """
        self._gate.resting = True
        self._gate.forget()
        await self._stop_recovery()
        former, self.current = self.current, None
        if former is not None:
            self._voice_only(former, reason, expected=True)
            self._runs.let_go(former, reason)

    def wake(self) -> None:
        """Bring the avatar back that was let go by ``rest``, if none has come since."""
        self._gate.resting = False
        self._resume_recovery()

    async def hand_over(self, run: AvatarRun, reason: str, *, at_boundary: bool) -> None:
        """Give the word to another avatar that is there, and let the present one go.

        Args:
            run: Who is to speak.
            reason: Why, in a few words.
            at_boundary: When the sentence under way is over, and not in the middle of it.
        """

        def speaks() -> None:
            self._recovery.cancel()  # the former one may have been lost meanwhile
            former, self.current = self.current, run
            self._gate.forget()
            self.ring.use(run.slot)
            if not self._is_live(run):
                self._note_live(run)
                self._status.announce(reason)
            if former is not None:
                self._runs.relieve(former, reason)

        if run.end is None or run.gone.is_set() or not run.present:
            raise AvatarNotJoinedError("the avatar left the room before it could speak")
        if at_boundary:
            await self._route.use_avatar_at_boundary(run.end, changed=speaks)
        else:
            self._route.use_avatar(run.end)
            speaks()

    async def make_room(self, reason: str) -> None:
        """Speak by voice and end the present avatar: the next one is refused beside it.

        Args:
            reason: Why, in a few words.
        """
        former = self.current
        if former is not None:
            self._voice_only(former, reason, expected=True)
            self.current = None
            await self._runs.end_first(former, reason)

    # --- what an avatar tells ------------------------------------------------------------------

    def avatar_joined(self, run: AvatarRun) -> bool:
        """Speak through it; returns whether that is wanted."""
        if run is not self.current:
            return False
        if self._status.state == "joining":
            return self._goes_live(run)
        if self._status.state == "voice_only":
            self._take_over_later(run)
            return True
        return False

    def avatar_left(self, run: AvatarRun) -> None:
        """Speak by voice, and wait a while for it to come back.

        One whose provider has ended it in order is not waited for: it is started again when there
        is something to say.
        """
        if run is not self.current:
            return
        if (explanation := run.explanation()) is not None:
            self._voice_only(run, f"the avatar left the room: {explanation}", expected=True)
            self._replace(run, explanation, when_speech_begins=True)
        else:
            self._voice_only(run, "the avatar left the room")

    def avatar_lost(
        self, run: AvatarRun, reason: str, *, silent_since: float | None = None
    ) -> None:
        """Speak by voice, end it, and start the next one; one that was ended in order, later."""
        if run is not self.current:
            if self.on_other_lost is not None:
                self.on_other_lost(run)
            return
        if self._gate.stopped:
            return
        if (explanation := run.explanation()) is not None:
            reason = f"{reason}: {explanation}"
            self._voice_only(run, reason, silent_since=silent_since, expected=True)
            self._replace(run, explanation, when_speech_begins=True)
            return
        LOSS_AGES.note(run.provider, time.time() - run.started_at)
        self._voice_only(run, reason, silent_since=silent_since)
        self._replace(run, reason)

    def avatar_late(self, run: AvatarRun) -> None:
        """Speak by voice; the last candidate may still come, for any other the next is tried."""
        if run is not self.current:
            return
        reason = f"the avatar did not join within {self._policy.join_timeout:g} s"
        self._voice_only(run, reason)
        if not self.ring.is_last:
            self._runs.note_late(run)
            self._replace(run, reason)

    # --- how -----------------------------------------------------------------------------------

    def _goes_live(self, run: AvatarRun) -> bool:
        """Speak through it from where the segment under way was heard."""
        if not self._is_live(run):
            return False
        if run.end is not None:
            self._route.use_avatar(run.end)
        return True

    def _is_live(self, run: AvatarRun) -> bool:
        """Note that it speaks from now on."""
        if not self._status.to("live", f"{run.identity or run.provider} is in the room"):
            return False
        self._note_live(run)
        return True

    def _note_live(self, run: AvatarRun) -> None:
        self._live_since = time.monotonic()
        if self.on_live is not None:
            self.on_live(run)

    def _voice_only(
        self,
        run: AvatarRun,
        reason: str,
        *,
        silent_since: float | None = None,
        expected: bool = False,
    ) -> None:
        if self._taking_over is not None:
            self._taking_over.cancel()
        if run.end is not None:
            self._route.lose_avatar(run.end, silent_since=silent_since)
        else:
            self._route.use_voice()
        if self._status.to("voice_only", reason):
            logger.log(
                logging.INFO if expected else logging.ERROR,
                "%s; the agent speaks with its own voice",
                reason,
                extra={"provider": run.provider},
            )

    def _take_over_later(self, run: AvatarRun) -> None:
        """Let the voice finish its sentence first."""
        if not self._gate.is_open:
            return  # it has the word behind the change, if nobody else has it then
        if self._taking_over is not None:
            self._taking_over.cancel()
        self._taking_over = asyncio.create_task(self._take_over(run), name="avatar-take-over")

    async def _take_over(self, run: AvatarRun) -> None:
        def spoken_through() -> None:
            self._is_live(run)

        if run.end is not None:
            with contextlib.suppress(SessionStateError):  # another one has the word, or nobody
                await self._route.use_avatar_at_boundary(run.end, changed=spoken_through)

    def _replace(self, run: AvatarRun, reason: str, *, when_speech_begins: bool = False) -> None:
        since, self._live_since = self._live_since, None
        self.current = None
        self._runs.let_go(run, reason)
        lasted = time.monotonic() - since if since is not None else None

        def recover() -> None:
            if when_speech_begins:
                self._recovery.bring_back(with_speech=True)
            else:
                self._recovery.replace(lasted=lasted)

        self._gate.bring_in(recover)

    def _found(self, run: AvatarRun) -> None:
        """Follow one that was brought in as any other; it may be lost before it has spoken."""
        if self.current is not None or not self._gate.is_open:
            self._runs.let_go(run, "another avatar has come meanwhile")
            return
        self.current = run
        self._take_over_later(run)
