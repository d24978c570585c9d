"""Finds sessions whose agent is gone, and ends them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from avatar_core.contract.errors import AvatarError
from avatar_core.contract.models import ListedSession
from avatar_core.operations.account import ProviderAccount
from avatar_core.operations.room_members import RoomMembers, RoomNotCheckedError, ServerAccess
from avatar_core.operations.verdicts import JudgedSession, Verdict, judge, why_unattributed

GRACE_SECONDS = 60.0
"""Age below which nothing is ended: an avatar may be started before its agent is in the room."""

CONFIRM_SECONDS = 5.0
"""Seconds between the two looks that have to agree: an agent that loses its connection is out of
the room for a moment and comes back under its identity."""

AT_ONCE = 8
REASON = "agent gone"

T = TypeVar("T")
U = TypeVar("U")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reaped:
    """What became of a session that was to be ended.

    Args:
        judged: The session, and what was found out about it on the way.
        error: Why it is not ended; None where the provider acknowledged its end, or where there
            was nothing to end.
    """

    judged: JudgedSession
    error: AvatarError | None

    @property
    def ended(self) -> bool:
        """Whether the provider acknowledged its end."""
        return self.error is None and self.judged.verdict == "orphaned"


class Reaper:
    """Looks at sessions and rooms, twice before it ends anything.

    Args:
        accounts: The providers.
        access: The LiveKit server whose agents' sessions are looked after.
        grace: Seconds of age below which a session is left alone.
    """

    def __init__(
        self,
        accounts: Sequence[ProviderAccount],
        access: ServerAccess,
        *,
        grace: float = GRACE_SECONDS,
    ) -> None:
        self._accounts = {account.provider: account for account in accounts}
        self._access = access
        self._grace = grace
        # For a provider that tells no age, or whose clock is ahead of ours.
        self._seen_since: dict[tuple[str, str], float] = {}
        self.ending = False

    async def find(self) -> tuple[JudgedSession, ...]:
        """Look; where something seems orphaned, look again a little later.

        Raises:
            AvatarError: A provider did not tell its sessions, or the server refuses the key.
        """
        first = await self.look()
        suspects = {each.key for each in first if each.verdict == "orphaned"}
        if not suspects:
            return first
        await asyncio.sleep(CONFIRM_SECONDS)
        return tuple(
            each
            if each.verdict != "orphaned" or each.key in suspects
            else replace(each, verdict="suspect", reason=f"{each.reason}, since just now")
            for each in await self.look()
        )

    async def look(self) -> tuple[JudgedSession, ...]:
        """Look once: at the sessions first, so that no agent is older news than its session.

        Raises:
            AvatarError: A provider did not tell its sessions, or the server refuses the key.
        """
        lists = await all_of(self._accounts.values(), _sessions_of)
        sessions = {
            (name, session.session_id): session for name, found in lists for session in found
        }
        now = time.monotonic()
        self._seen_since = {key: self._seen_since.get(key, now) for key in sessions}
        members = await self._members_of(
            sorted(
                {
                    session.room
                    for session in sessions.values()
                    if session.room is not None and self._can_judge(session)
                }
            )
        )
        return tuple(
            self._judged(provider, session, members) for (provider, _), session in sessions.items()
        )

    async def end(self, orphaned: Sequence[JudgedSession]) -> tuple[Reaped, ...]:
        """End sessions, each until that is acknowledged or it is clear that it will not be.

        Args:
            orphaned: What ``find`` or ``look`` found to be orphaned, a moment ago.
        """
        self.ending = True
        try:
            return tuple(await all_of(orphaned, self._end_one))
        finally:
            self.ending = False

    async def _end_one(self, judged: JudgedSession) -> Reaped:
        try:
            await self._accounts[judged.provider].end(judged.session, reason=REASON)
        except AvatarError as exc:
            return Reaped(judged=judged, error=exc)
        return Reaped(judged=judged, error=None)

    def _can_judge(self, session: ListedSession) -> bool:
        return not session.ending and why_unattributed(session, self._access) is None

    async def _members_of(self, rooms: Sequence[str]) -> dict[str, frozenset[str] | str]:
        async with RoomMembers(self._access) as lookup:

            async def ask(room: str) -> tuple[str, frozenset[str] | str]:
                try:
                    return room, await lookup.identities(room)
                except RoomNotCheckedError as exc:
                    return room, str(exc)

            return dict(await all_of(rooms, ask))

    def _judged(
        self, provider: str, session: ListedSession, members: dict[str, frozenset[str] | str]
    ) -> JudgedSession:
        age = self._age(provider, session)
        unattributed = why_unattributed(session, self._access)
        verdict: Verdict
        if session.ending:
            verdict, reason = "ending", "the provider is ending it"
        elif unattributed is not None:
            verdict, reason = "unattributed", unattributed
        else:
            assert session.room is not None
            verdict, reason = judge(
                session, members=members[session.room], age=age, grace=self._grace
            )
        return JudgedSession(
            provider=provider, session=session, age=age, verdict=verdict, reason=reason
        )

    def _age(self, provider: str, session: ListedSession) -> float:
        seen = time.monotonic() - self._seen_since[provider, session.session_id]
        if session.created_at is None:
            return seen
        # Its clock may be ahead of ours; what was seen before is at least as old as that.
        return max(seen, time.time() - session.created_at)


async def _sessions_of(account: ProviderAccount) -> tuple[str, tuple[ListedSession, ...]]:
    return account.provider, await account.list_sessions()


async def all_of(items: Iterable[T], act: Callable[[T], Awaitable[U]]) -> list[U]:
    """Do something with all, some at a time; the first failure stops the rest.

    Args:
        items: What.
        act: Does it with one.

    Returns:
        What it returned for each, in their order.
    """
    places = asyncio.Semaphore(AT_ONCE)

    async def one(item: T) -> U:
        async with places:
            return await act(item)

    tasks = [asyncio.ensure_future(one(item)) for item in items]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
