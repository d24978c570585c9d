"""A provider of the application's own, whose account holds what a test puts into it."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from avatar_core.contract.audio_routes import Discard
from avatar_core.contract.errors import ProviderRejectedError
from avatar_core.contract.hookspecs import hookimpl
from avatar_core.contract.models import (
    EndRequest,
    ListedSession,
    ListSessionsRequest,
    ProviderInfo,
    RecoverRequest,
    StartedSession,
    StartRequest,
)
from avatar_core.contract.options import ProviderOptions
from avatar_core.discovery.default import register_provider, unregister_provider


class AcmeOptions(ProviderOptions):
    """Options of the provider."""

    region: str = "here"


class Acme:
    """Keeps sessions as a vendor's cloud would.

    Args:
        name: Its name.
    """

    def __init__(self, name: str = "acme") -> None:
        self.name = name
        self.live: dict[str, ListedSession] = {}
        self.ended: list[str] = []
        self.end_requests: list[EndRequest] = []
        self.regions: list[str] = []
        """The option, as each list got it."""
        self.on_list: Callable[[], None] = lambda: None
        self.on_end: Callable[[], Awaitable[None]] = _at_once
        self.list_failure: Exception | None = None
        self.end_failures: list[Exception] = []
        """What the next ends raise, in order."""
        self.answer: Any = None
        """What it lists in place of its sessions."""

    def add(self, session_id: str, *, age: float | None = 3600.0, **facts: Any) -> ListedSession:
        """Put a session into the account.

        Args:
            session_id: Its id.
            age: Seconds since its creation; None where the provider does not tell.
            facts: What else it lists.
        """
        session = ListedSession(
            session_id=session_id,
            created_at=None if age is None else time.time() - age,
            **{"status": "running", **facts},
        )
        self.live[session_id] = session
        return session

    @hookimpl
    def describe_provider(self) -> ProviderInfo:
        return ProviderInfo(name=self.name, title="Acme", options=AcmeOptions)

    @hookimpl
    def start_session(self, request: StartRequest) -> StartedSession:
        raise NotImplementedError

    @hookimpl
    async def list_sessions(self, request: ListSessionsRequest) -> Sequence[ListedSession]:
        self.regions.append(request.options.region)
        self.on_list()
        if self.list_failure is not None:
            raise self.list_failure
        return list(self.live.values()) if self.answer is None else self.answer

    @hookimpl
    async def end_session(self, request: EndRequest) -> None:
        self.end_requests.append(request)
        await self.on_end()
        if self.end_failures:
            raise self.end_failures.pop(0)
        session_id = request.session.session_id
        assert session_id is not None
        if session_id in self.live:
            del self.live[session_id]
            self.ended.append(session_id)
        elif request.must_exist and session_id not in self.ended:
            raise ProviderRejectedError(f"there is no session {session_id}", status_code=404)


async def _at_once() -> None:
    """Keep nobody waiting."""


class RecoveringAcme(Acme):
    """Can tell which session a start has made that was cut off."""

    def __init__(self, name: str = "acme") -> None:
        super().__init__(name)
        self.made: dict[str, str] = {}
        """Session by idempotency key."""
        self.recover_requests: list[RecoverRequest] = []

    @hookimpl
    async def recover_session(self, request: RecoverRequest) -> StartedSession | None:
        self.recover_requests.append(request)
        session_id = self.made.get(request.idempotency_key)
        if session_id not in self.live:
            return None
        return StartedSession(
            session_id=session_id, identities=(request.identity,), audio=Discard()
        )


@contextmanager
def registered(*providers: Acme) -> Iterator[None]:
    """Register providers for the length of the block."""
    for provider in providers:
        register_provider(provider)
    try:
        yield
    finally:
        for provider in providers:
            unregister_provider(provider.name)
