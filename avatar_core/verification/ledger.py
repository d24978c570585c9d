"""Every session that is created: no more than was said, none forgotten, each with its length."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from avatar_core.calling.provider_call import ProviderCall
from avatar_core.contract.errors import (
    ConfigurationError,
    ProviderError,
    ProviderTimeoutError,
    StartUncertainError,
)
from avatar_core.contract.hookspecs import hookimpl
from avatar_core.contract.models import (
    EndRequest,
    RecoverRequest,
    RoomAddress,
    StartedSession,
    StartRequest,
)

_UNCERTAIN = (StartUncertainError, ProviderTimeoutError)


@dataclass(eq=False, kw_only=True)
class Entry:
    """One session that was asked for.

    Args:
        clause: Id of the clause that asked for it.
        request: The start.
        started: Unix time of it: it is billed from then on at the earliest.
        counts: It is one of those that were announced; a start with a wrong key is not.
        session: What was made of it; None where that is not known.
        ended: Unix time at which its end was acknowledged, or it was found never to have been.
    """

    clause: str
    request: StartRequest = field(repr=False)
    started: float
    counts: bool = True
    session: StartedSession | None = None
    ended: float | None = None

    @property
    def session_id(self) -> str | None:
        """The provider's id of it."""
        return self.session.session_id if self.session is not None else None

    @property
    def seconds(self) -> float:
        """How long it ran, or has run until now."""
        return max(0.0, (self.ended or time.time()) - self.started)


class Ledger:
    """An extension that writes down what is started and what is ended.

    Args:
        provider: Whose sessions.
        keys: The user's credentials, by option: with any other, nothing is created.
    """

    def __init__(self, provider: str, *, keys: Mapping[str, object]) -> None:
        self.provider = provider
        self._keys = keys
        self._left = 0
        self._clause = ""
        self.entries: list[Entry] = []
        """Sessions that were created, and starts that may have created one, in order."""
        self.starts: list[float] = []
        """``time.monotonic()`` of every start, also of those that were refused."""

    @property
    def unended(self) -> list[Entry]:
        """What may still cost money."""
        return [each for each in self.entries if each.ended is None]

    def allow(self, sessions: int, *, clause: str) -> None:
        """Let a clause create sessions, and no more than so many.

        Args:
            sessions: How many.
            clause: Its id.
        """
        self._left, self._clause = sessions, clause

    @hookimpl
    @asynccontextmanager
    async def around_call(self, call: ProviderCall) -> AsyncIterator[None]:
        """Note a start before it is made, and an end once it is acknowledged."""
        if call.provider != self.provider:
            yield
            return
        entry = self._begin(call.request) if call.hook == "start_session" else None
        try:
            yield
        finally:
            if entry is not None:
                self._started(entry, call)
            elif call.error is None and isinstance(call.request, EndRequest):
                self.note_end(call.request.session, room=call.request.room)
            elif call.error is None and isinstance(call.request, RecoverRequest):
                self._recovered(call.request, call.result)

    def note_end(self, session: StartedSession, *, room: RoomAddress | None) -> None:
        """Note that the end of a session was acknowledged.

        Args:
            session: Which.
            room: The room it was in.
        """
        for entry in self.unended:
            if entry.session is None:
                continue
            if session.session_id is not None or entry.session.session_id is not None:
                is_it = entry.session.session_id == session.session_id
            else:  # it has no id, but nobody is twice in one room
                is_it = (entry.session.identities, entry.request.room) == (session.identities, room)
            if is_it:
                entry.ended = time.time()

    def _begin(self, request: object) -> Entry:
        assert isinstance(request, StartRequest)
        self.starts.append(time.monotonic())
        options = request.options
        counts = all(getattr(options, name, None) == key for name, key in self._keys.items())
        if counts and self._left <= 0:
            raise ConfigurationError(
                f"clause {self._clause!r} wanted more sessions than were announced, and gets none:"
                " an avatar was lost and replaced, or a start was repeated"
            )
        self._left -= counts
        entry = Entry(clause=self._clause, request=request, started=time.time(), counts=counts)
        self.entries.append(entry)
        return entry

    def _started(self, entry: Entry, call: ProviderCall) -> None:
        if isinstance(call.result, StartedSession):
            entry.session = call.result
        elif isinstance(call.error, ProviderError) and not isinstance(call.error, _UNCERTAIN):
            # So the contract: no session exists then, and nothing was used up.
            self.entries.remove(entry)
            self._left += entry.counts

    def _recovered(self, request: RecoverRequest, found: object) -> None:
        for entry in self.unended:
            if entry.request.idempotency_key != request.idempotency_key:
                continue
            if isinstance(found, StartedSession):
                entry.session = found
            elif found is None and entry.session is None:
                entry.ended = time.time()
