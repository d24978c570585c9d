"""What remains to be done after the clauses: end what still lives, and ask what the vendor says."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from avatar_core.contract.errors import AvatarError
from avatar_core.contract.models import Finding, ListedSession
from avatar_core.contract.sessions import SessionUsage
from avatar_core.operations.account import ProviderAccount, open_accounts
from avatar_core.verification.ledger import Entry, Ledger
from avatar_core.verification.target import Target

REASON = "the verification is over"
LIST_SECONDS = 15.0
"""How long a session that was ended may go on being listed: some vendors take their time."""

USAGE_SECONDS = 10.0
"""How long a bill may take to be final; what is said by then is shown."""

_LOOK_SECONDS = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Aftermath:
    """What there is when all is over.

    Args:
        listed: What lives at the provider; None where it cannot tell.
        usage: What it says that it bills, by session id; of those of which it tells.
        troubles: What could not be ended or asked, in words.
    """

    listed: tuple[ListedSession, ...] | None
    usage: Mapping[str, SessionUsage]
    troubles: tuple[str, ...]

    def living(self, ledger: Ledger) -> list[ListedSession]:
        """Return what lives of the sessions of this run.

        Args:
            ledger: Of the run.
        """
        ours = {entry.session_id for entry in ledger.entries} - {None}
        return [each for each in self.listed or () if each.session_id in ours and not each.ending]


def look_before(target: Target) -> tuple[Finding, ...]:
    """Ask the provider whether a call could start now; nothing is created.

    Args:
        target: Whom.

    Raises:
        AvatarError: The check itself failed.
    """
    if not target.resolved.provider.implements("check_provider"):
        return ()

    async def check() -> tuple[Finding, ...]:
        async with open_accounts([target.resolved]) as (account,):
            return await account.check()

    return asyncio.run(check())


def clean_up(target: Target, ledger: Ledger) -> Aftermath:
    """End what the clauses have left, and ask what lives then.

    Args:
        target: Where.
        ledger: What was started; ends are noted in it.
    """
    return asyncio.run(_clean_up(target, ledger))


async def _clean_up(target: Target, ledger: Ledger) -> Aftermath:
    async with open_accounts([target.resolved]) as (account,):
        troubles = [
            trouble
            for trouble in await asyncio.gather(
                *(_end(account, entry, ledger) for entry in ledger.unended)
            )
            if trouble is not None
        ]
        listed: tuple[ListedSession, ...] | None = None
        if target.resolved.provider.implements("list_sessions"):
            try:
                listed = await _listed(account, ledger)
            except AvatarError as exc:
                troubles.append(f"what lives at the provider is not known: {exc}")
        usage: dict[str, SessionUsage] = {}
        try:
            await _ask_usage(account, ledger, usage)
        except AvatarError as exc:
            troubles.append(f"what the provider bills is not known: {exc}")
    return Aftermath(listed=listed, usage=usage, troubles=tuple(troubles))


async def _end(account: ProviderAccount, entry: Entry, ledger: Ledger) -> str | None:
    name = entry.session_id or f"a session of clause {entry.clause!r} whose id never came"
    try:
        if entry.session is None and account.can_recover:
            entry.session = await account.recover(
                room=entry.request.room,
                identity=entry.request.identity,
                idempotency_key=entry.request.idempotency_key,
            )
            if entry.session is None:
                entry.ended = time.time()  # it never was
                return None
        if entry.session is None:
            return f"{name} may live: the provider cannot look for it (no hook recover_session)"
        await account.end_started(entry.session, room=entry.request.room, reason=REASON)
    except AvatarError as exc:
        return f"{name} is not ended, and may be billed: {exc}"
    ledger.note_end(entry.session, room=entry.request.room)
    return None


async def _listed(account: ProviderAccount, ledger: Ledger) -> tuple[ListedSession, ...]:
    deadline = time.monotonic() + LIST_SECONDS
    while True:
        listed: Sequence[ListedSession] = await account.list_sessions()
        found = Aftermath(listed=tuple(listed), usage={}, troubles=())
        if not found.living(ledger) or time.monotonic() >= deadline:
            return tuple(listed)
        await asyncio.sleep(_LOOK_SECONDS)


async def _ask_usage(
    account: ProviderAccount, ledger: Ledger, usage: dict[str, SessionUsage]
) -> None:
    """Ask what each session is billed, until that is final."""
    if not account.can_tell_usage:
        return
    open_ = {each.session_id: each for each in ledger.entries if each.session_id is not None}
    deadline = time.monotonic() + USAGE_SECONDS
    while True:
        for session_id, entry in list(open_.items()):
            assert entry.session is not None
            told = await account.usage(entry.session, room=entry.request.room)
            if told is not None:
                usage[session_id] = told
                if told.final:
                    del open_[session_id]
        if not open_ or time.monotonic() >= deadline:
            return
        await asyncio.sleep(_LOOK_SECONDS)
