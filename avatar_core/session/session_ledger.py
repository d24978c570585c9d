"""The books on sessions: written down before they are asked for, and when they are over."""

from __future__ import annotations

import asyncio
import atexit
import dataclasses
import logging
import time
import weakref
from collections.abc import Callable

from avatar_core.contract.models import StartedSession
from avatar_core.log import logger
from avatar_core.session.billed_session import BilledSession
from avatar_core.session.journal import Journal
from avatar_core.session.provider_slot import ProviderSlot

SESSION_ENDED = "session_ended"


class SessionLedger:
    """Knows every session of one call that may be billed.

    Args:
        journal: Where they are written down, for the case that this process is killed.
        emit: Emits the record of each on the public session.
    """

    def __init__(
        self, *, journal: Journal | None = None, emit: Callable[..., None] | None = None
    ) -> None:
        self._journal = journal
        self._emit = emit
        self._sessions: dict[str, BilledSession] = {}
        _ledgers.add(self)

    async def intend(self, slot: ProviderSlot) -> None:
        """Note that a session is about to be asked for; cancelled meanwhile, it is not.

        Args:
            slot: Its provider.
        """
        billed = self._sessions[slot.idempotency_key] = BilledSession(slot=slot)
        # What ends by absence alone, nobody can end by hand either.
        if self._journal is None or not slot.provider.info.capabilities.explicit_end:
            return
        try:
            await self._journal.intend(billed.intent)
        except asyncio.CancelledError:
            self.not_made(slot)
            raise

    def made(self, slot: ProviderSlot, session: StartedSession) -> BilledSession:
        """Note that it was made; from now on it has to be ended.

        Args:
            slot: Its provider.
            session: The session.
        """
        billed = self.of(slot)
        if self._journal is not None and not billed.exists:
            self._journal.note_id(slot.idempotency_key, session.session_id)
        billed.exists, billed.session_id = True, session.session_id
        return billed

    def not_made(self, slot: ProviderSlot) -> None:
        """Note that no session came of a start, for certain.

        Args:
            slot: Its provider.
        """
        self._sessions.pop(slot.idempotency_key, None)
        if self._journal is not None:
            self._journal.cross_out(slot.idempotency_key)

    def of(self, slot: ProviderSlot) -> BilledSession:
        """Return what is known of a slot's session.

        Args:
            slot: Its provider.
        """
        return self._sessions.setdefault(slot.idempotency_key, BilledSession(slot=slot))

    async def ended(self, billed: BilledSession) -> None:
        """Note that its end was acknowledged, and write its record.

        Args:
            billed: The session.
        """
        billed.ended = time.time()
        self._tell(billed, logging.INFO, "avatar session ended")
        if self._journal is not None:
            self._journal.cross_out(billed.slot.idempotency_key)
            await self._journal.settle()

    def not_ended(self, billed: BilledSession) -> None:
        """Write the record of one that nobody here goes on ending; once.

        Args:
            billed: The session.
        """
        if billed.ended is None and not billed.told:
            billed.told = True
            self._tell(
                billed,
                logging.ERROR,
                "avatar session not ended; it is billed until the provider times out. To end it: "
                + (billed.record.command or ""),
            )

    def give_account(self, *, at_exit: bool = False) -> None:
        """Write the record of all that is not ended, for the process goes.

        Args:
            at_exit: The interpreter is on its way out: no handler of an event is called any more.
        """
        if at_exit:
            self._emit = None
        for billed in list(self._sessions.values()):
            self.not_ended(billed)

    def _tell(self, billed: BilledSession, level: int, message: str) -> None:
        record = billed.record
        facts = {**dataclasses.asdict(record), "command": record.command}
        logger.log(level, "%s", message, extra=facts)
        if self._emit is not None:
            self._emit(SESSION_ENDED, record)


_ledgers: weakref.WeakSet[SessionLedger] = weakref.WeakSet()


@atexit.register
def _give_account() -> None:
    """Tell of sessions that nobody has ended: a program that never called ``aclose()``."""
    for ledger in list(_ledgers):
        ledger.give_account(at_exit=True)
