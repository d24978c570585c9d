"""Finds what killed processes of this host left at a provider, and ends it at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from avatar_core.contract.audio_routes import Discard
from avatar_core.contract.errors import AvatarError, ConfigurationError
from avatar_core.contract.models import ListedSession, RoomAddress, StartedSession
from avatar_core.operations.account import ProviderAccount
from avatar_core.operations.reaper import Reaped, all_of
from avatar_core.operations.verdicts import JudgedSession
from avatar_core.session.journal_entry import JournalEntry, StoredEntry, stored_entries

SETTLE_SECONDS = 60.0
"""Age from which a start that has made nothing will not make anything any more: until then its
request may still be on its way."""

REASON = "agent killed"


class LocalReaper:
    """Reads this host's journal; nobody has to be asked whether a process is gone.

    Args:
        accounts: The providers.
        folder: Where the journal lies; None where it is switched off.
    """

    def __init__(self, accounts: Sequence[ProviderAccount], folder: Path | None) -> None:
        self._accounts = {account.provider: account for account in accounts}
        self._folder = folder
        self.ending = False

    def find(self) -> tuple[JudgedSession, ...]:
        """Return what processes have left that are gone; what others wrote is nobody's concern.

        Raises:
            ConfigurationError: The journal cannot be read.
        """
        if self._folder is None:
            return ()
        try:
            stored = list(stored_entries(self._folder))
        except OSError as exc:
            raise ConfigurationError(
                f"the journal of avatar sessions in {self._folder} cannot be read"
                f" ({type(exc).__name__})"
            ) from exc
        return tuple(
            _judged(each, each.entry)
            for each in stored
            if each.entry is not None
            and each.entry.provider in self._accounts
            and each.state() == "gone"
        )

    async def end(self, orphaned: Sequence[JudgedSession]) -> tuple[Reaped, ...]:
        """End sessions, each until that is acknowledged or it is clear that it will not be.

        Args:
            orphaned: What ``find`` returned.
        """
        self.ending = True
        try:
            return tuple(await all_of(orphaned, self._end_one))
        finally:
            self.ending = False

    async def _end_one(self, judged: JudgedSession) -> Reaped:
        assert judged.stored is not None
        assert judged.stored.entry is not None
        entry, path = judged.stored.entry, judged.stored.path
        account = self._accounts[judged.provider]
        room = _room_of(entry)
        if entry.session_id is None and not account.can_recover:
            path.unlink(missing_ok=True)  # the next look could do no more
            return Reaped(judged=judged, error=_cannot_tell(judged.provider))
        try:
            session = await self._session(account, entry, room)
            if session is None:
                return _without_session(judged, entry, path)
            await account.end_started(
                session,
                room=room,
                reason=REASON,
                # Of another account's session nobody here may say that it is ended.
                must_exist=entry.session_id is not None,
            )
        except AvatarError as exc:
            return Reaped(judged=judged, error=exc)
        path.unlink(missing_ok=True)
        found = replace(judged.session, session_id=session.session_id or "")
        return Reaped(judged=replace(judged, session=found), error=None)

    async def _session(
        self, account: ProviderAccount, entry: JournalEntry, room: RoomAddress | None
    ) -> StartedSession | None:
        if entry.session_id is None:
            return await account.recover(
                room=room,
                identity=entry.avatar_identity,
                idempotency_key=entry.idempotency_key,
            )
        return StartedSession(
            session_id=entry.session_id, identities=(entry.avatar_identity,), audio=Discard()
        )


def _cannot_tell(provider: str) -> ConfigurationError:
    return ConfigurationError(
        f"provider {provider!r} cannot tell whether a session came of the start that was cut off"
        " (it has no hook recover_session); if one did, it is billed until it times out"
    )


def _without_session(judged: JudgedSession, entry: JournalEntry, path: Path) -> Reaped:
    if entry.age < SETTLE_SECONDS:
        reason = f"nothing came of its start so far; look again {SETTLE_SECONDS:g} s after it"
        return Reaped(judged=replace(judged, verdict="unchecked", reason=reason), error=None)
    path.unlink(missing_ok=True)
    return Reaped(
        judged=replace(judged, verdict="no session", reason="nothing came of its start"), error=None
    )


def _judged(stored: StoredEntry, entry: JournalEntry) -> JudgedSession:
    return JudgedSession(
        provider=entry.provider,
        session=ListedSession(
            session_id=entry.session_id or "",
            status="",
            created_at=entry.created_at,
            room=entry.room,
            livekit_url=entry.livekit_url,
            agent_identity=entry.agent_identity,
            avatar_identity=entry.avatar_identity,
        ),
        age=entry.age,
        verdict="orphaned",
        reason=f"its agent's process {entry.process.pid} on this host is gone",
        stored=stored,
    )


def _room_of(entry: JournalEntry) -> RoomAddress | None:
    if entry.livekit_url is None or entry.room is None or entry.agent_identity is None:
        return None
    return RoomAddress(url=entry.livekit_url, name=entry.room, agent_identity=entry.agent_identity)
