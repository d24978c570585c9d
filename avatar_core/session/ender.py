"""Ends what was started, until it is acknowledged."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Coroutine
from typing import Any

from avatar_core.contract.errors import (
    ConfigurationError,
    ProviderError,
    ProviderTimeoutError,
    StartUncertainError,
)
from avatar_core.contract.models import StartedSession
from avatar_core.contract.session_record import SessionRecord
from avatar_core.log import logger
from avatar_core.session.billed_session import BilledSession
from avatar_core.session.provider_slot import HOOK_SECONDS, ProviderSlot
from avatar_core.session.room_removal import Removal
from avatar_core.session.session_ledger import SessionLedger

FIRST_PAUSE = 0.25
LONGEST_PAUSE = 30.0
"""Seconds between two attempts to end a session; the pause doubles from the first one."""

FIRST_SECONDS = 5.0
"""Seconds that the first attempt may take: a connection that hangs must leave time for another
within the budget that LiveKit gives a job for its shutdown."""

JITTER = 0.25
"""Share by which a pause may be longer: calls that end together must not ask together again."""


class SessionEnder:
    """Owns every session from its creation on, and the tasks that end them.

    Nothing that awaits it cancels it: a session is ended also when the start that made it was
    cancelled, late, or failed in a way that leaves open whether it made one.

    Args:
        ledger: Where sessions are written down; None for books that nobody reads.
    """

    def __init__(self, ledger: SessionLedger | None = None) -> None:
        self.ledger = ledger or SessionLedger()
        """The books on all sessions of the call."""
        self._tasks: dict[asyncio.Task[None], BilledSession] = {}

    @property
    def unended(self) -> tuple[SessionRecord, ...]:
        """Sessions whose end was asked for and is not acknowledged yet."""
        return tuple(each.record for each in self._tasks.values() if each.ended is None)

    def end(
        self,
        slot: ProviderSlot,
        session: StartedSession,
        *,
        reason: str,
        remove_now: bool = False,
    ) -> None:
        """End a session, in the background, until the provider acknowledges it.

        Args:
            slot: Its provider.
            session: The session; one that is being ended, or has been, is not ended again.
            reason: Why, for the provider's log and the record.
            remove_now: Take its participants out of the room meanwhile, and not only then: the
                server lists one that has died for 20 s, and front ends show it.
        """
        _ = self._spawn_end(slot, session, reason, remove_now)

    async def end_and_wait(
        self, slot: ProviderSlot, session: StartedSession, *, reason: str, timeout: float
    ) -> None:
        """End a session and wait until that is acknowledged; it goes on in the background.

        Args:
            slot: Its provider.
            session: The session.
            reason: Why, for the provider's log and the record.
            timeout: Seconds to wait at most.
        """
        await asyncio.wait([self._spawn_end(slot, session, reason, True)], timeout=timeout)

    def adopt(self, slot: ProviderSlot, start: asyncio.Task[StartedSession]) -> None:
        """Take over a start that nobody waits for any more, and end what comes of it."""
        billed = self.ledger.of(slot)
        billed.reason = "start abandoned"
        _ = self._spawn(self._end_when_started(billed, start), billed)

    def recover(self, slot: ProviderSlot, error: BaseException) -> None:
        """Find out what an uncertain start has made, and end it."""
        billed = self.ledger.of(slot)
        billed.reason = "start failed"
        _ = self._spawn(self._recover(billed, error), billed)

    async def wait(self, *, timeout: float) -> tuple[SessionRecord, ...]:
        """Wait until everything is ended; returns what is not, and goes on ending that.

        Args:
            timeout: Seconds to wait at most.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        while self._tasks and (left := deadline - loop.time()) > 0:
            await asyncio.wait(list(self._tasks), timeout=left)
        unended = self.unended
        for record in unended:
            logger.error(
                "avatar session not ended yet; it may be billed until the provider times out."
                " Ending goes on in the background; should this process end before: %s",
                record.command,
                extra={"provider": record.provider, "session_id": record.session_id},
            )
        return unended

    async def wait_all(self) -> None:
        """Wait until everything is ended, however long that takes."""
        while self._tasks:
            await asyncio.wait(list(self._tasks))

    async def wait_for(self, provider: str, *, timeout: float) -> None:
        """Wait until everything at one provider is ended, before it is asked for more.

        Args:
            provider: Its name.
            timeout: Seconds to wait at most.
        """
        ending = [
            task for task, billed in self._tasks.items() if billed.slot.provider.name == provider
        ]
        if ending:
            await asyncio.wait(ending, timeout=timeout)

    # --- how -----------------------------------------------------------------------------------

    def _spawn_end(
        self, slot: ProviderSlot, session: StartedSession, reason: str, remove_now: bool
    ) -> asyncio.Task[None]:
        billed = self.ledger.of(slot)
        if billed.task is not None:
            return billed.task
        return self._spawn(self._end(billed, session, reason, remove_now), billed)

    def _spawn(self, work: Coroutine[Any, Any, None], billed: BilledSession) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name="avatar-session-ender")
        billed.task = task
        self._tasks[task] = billed
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        billed = self._tasks.pop(task)
        if task.cancelled():  # by nobody but an event loop that is taken down
            self.ledger.not_ended(billed)
        elif (error := task.exception()) is not None:
            logger.error(
                "ending an avatar session failed",
                extra={"provider": billed.slot.provider.name, "session_id": billed.session_id},
                exc_info=error,
            )
            self.ledger.not_ended(billed)

    async def _end(
        self,
        billed: BilledSession,
        session: StartedSession,
        reason: str,
        remove_now: bool = False,
    ) -> None:
        # Of a start that was taken over, the id is known only now.
        self.ledger.made(billed.slot, session)
        billed.reason = reason
        removal = Removal(billed.slot.site, session.identities)
        try:
            if remove_now:
                removal.begin()
            await self._until_acknowledged(billed, session, removal)
            await self.ledger.ended(billed)
            await removal.finish()
        finally:
            removal.cancel()

    async def _until_acknowledged(
        self, billed: BilledSession, session: StartedSession, removal: Removal
    ) -> None:
        pause = FIRST_PAUSE
        while True:
            billed.attempts += 1
            seconds = FIRST_SECONDS if billed.attempts == 1 else HOOK_SECONDS
            try:
                await billed.slot.end(session, reason=billed.reason, seconds=seconds)
                return
            except Exception as exc:  # noqa: BLE001 - an extension may refuse with anything
                wait = _wait_after(exc, pause)
                logger.warning(
                    "avatar session not ended; trying again",
                    extra={
                        "provider": billed.slot.provider.name,
                        "session_id": session.session_id,
                        "error_type": type(exc).__name__,
                        "pause_seconds": wait,
                    },
                )
            # It may be hours until the provider answers: nobody should look at a dead face.
            removal.begin()
            await asyncio.sleep(wait)
            pause = min(pause * 2, LONGEST_PAUSE)

    async def _end_when_started(
        self, billed: BilledSession, start: asyncio.Task[StartedSession]
    ) -> None:
        await asyncio.wait([start])
        if start.cancelled():  # not by the core: an extension did so to the task it runs in
            await self._recover(billed, cancelled_by_extension(billed.slot))
            return
        error = start.exception()
        if error is None:
            await self._end(billed, start.result(), billed.reason)
        elif leaves_session_open(error):
            await self._recover(billed, error)
        else:
            self.ledger.not_made(billed.slot)

    async def _recover(self, billed: BilledSession, error: BaseException) -> None:
        slot = billed.slot
        if not slot.provider.implements("recover_session"):
            logger.error(
                "an avatar session may have been started, and its provider cannot tell; if so it"
                " is billed until it times out",
                extra={"provider": slot.provider.name},
            )
            self.ledger.not_made(slot)
            return
        pause = FIRST_PAUSE
        while True:
            try:
                session = await slot.recover(error)
                break
            except Exception as exc:  # noqa: BLE001 - an extension may refuse with anything
                logger.warning(
                    "the provider could not tell whether an avatar session was started; asking"
                    " again",
                    extra={"provider": slot.provider.name, "error_type": type(exc).__name__},
                )
                wait = _wait_after(exc, pause)
            await asyncio.sleep(wait)
            pause = min(pause * 2, LONGEST_PAUSE)
        if session is None:
            self.ledger.not_made(slot)
        else:
            await self._end(billed, session, billed.reason)


def leaves_session_open(error: BaseException) -> bool:
    """Tell whether a failed start may have made a session all the same."""
    if isinstance(error, (StartUncertainError, ProviderTimeoutError)):
        return True
    return not isinstance(error, (ProviderError, ConfigurationError))


def cancelled_by_extension(slot: ProviderSlot) -> StartUncertainError:
    """Make the error of a start that the core did not cancel, and that is cancelled."""
    return StartUncertainError(
        "start_session was cancelled by an extension", provider=slot.provider.name
    )


def _wait_after(error: Exception, pause: float) -> float:
    """Seconds before the provider is asked again: at least what it asks for, within reason."""
    asked = (error.retry_after or 0.0) if isinstance(error, ProviderError) else 0.0
    return min(max(pause * random.uniform(1, 1 + JITTER), asked), LONGEST_PAUSE)
