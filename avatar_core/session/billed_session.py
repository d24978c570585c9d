"""What is known of a session from the moment it is asked for until its end is acknowledged."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

from avatar_core.contract.session_record import SessionRecord
from avatar_core.session.journal_entry import JournalEntry, without_credentials
from avatar_core.session.process_identity import this_process
from avatar_core.session.provider_slot import ProviderSlot


@dataclass(eq=False, kw_only=True)
class BilledSession:
    """A session that is billed, or may be.

    Args:
        slot: Its provider.
        started: Unix time at which it was asked for.
        session_id: The provider's id of it, as soon as it is known.
        exists: It was made, as far as anybody knows.
        reason: Why it is ended.
        attempts: How often the provider was asked to end it.
        ended: Unix time at which that was acknowledged.
        told: It was told that it is not ended, and how to end it.
        task: Ends it.
    """

    slot: ProviderSlot
    started: float = field(default_factory=time.time)
    session_id: str | None = None
    exists: bool = False
    reason: str = ""
    attempts: int = 0
    ended: float | None = None
    told: bool = False
    task: asyncio.Task[None] | None = None

    @property
    def record(self) -> SessionRecord:
        """What is to be written down of it now."""
        room = self.slot.room
        return SessionRecord(
            provider=self.slot.provider.name,
            session_id=self.session_id,
            avatar_identity=self.slot.identity if room else "",
            room=room.name if room else None,
            started=self.started,
            ended=self.ended,
            reason=self.reason,
            seconds=round((self.ended or time.time()) - self.started, 3),
            attempts=self.attempts,
        )

    @property
    def intent(self) -> JournalEntry:
        """What the journal says of it before it is asked for."""
        room = self.slot.room
        return JournalEntry(
            provider=self.slot.provider.name,
            idempotency_key=self.slot.idempotency_key,
            session_id=self.session_id,
            livekit_url=without_credentials(room.url) if room else None,
            room=room.name if room else None,
            agent_identity=room.agent_identity if room else None,
            avatar_identity=self.slot.identity,
            created_at=self.started,
            process=this_process(),
        )
