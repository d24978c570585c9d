"""The sessions of one provider's account: what lives there, and how one is ended."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from avatar_core.calling.provider_call import AroundCall, call_provider
from avatar_core.calling.recovered import recovered_session
from avatar_core.contract.audio_routes import Discard
from avatar_core.contract.errors import (
    AvatarError,
    ConfigurationError,
    ProviderError,
    ProviderInvalidResponseError,
    StartUncertainError,
)
from avatar_core.contract.models import (
    CheckRequest,
    EndRequest,
    Finding,
    ListedSession,
    ListSessionsRequest,
    ProviderRequest,
    RecoverRequest,
    RoomAddress,
    SessionRequest,
    SessionUsage,
    StartedSession,
)
from avatar_core.discovery.default import active_extensions
from avatar_core.discovery.selection import Resolved
from avatar_core.provider_http.pool import HttpPool

LIST_SECONDS = 30.0
"""Seconds a list may take, all its pages together."""

CHECK_SECONDS = 30.0
"""Seconds a check may take, all that it looks at together."""

END_SECONDS = 20.0
"""Seconds within which an end has to be acknowledged; nobody waits longer at a terminal."""

RECOVER_SECONDS = 20.0
"""Seconds that looking for what a start has made may take."""

ATTEMPT_SECONDS = 10.0
FIRST_PAUSE = 0.25
"""Seconds before an end is asked for again; doubled each time."""


class ProviderAccount:
    """One provider with checked options, asked from outside a call.

    Args:
        resolved: The provider and its options.
        http: Connections.
        around: Active extensions: an audit sees these calls too.
    """

    def __init__(self, resolved: Resolved, *, http: HttpPool, around: Sequence[AroundCall]) -> None:
        self._provider = resolved.provider
        self._options = resolved.options
        self._http = http
        self._around = around

    @property
    def provider(self) -> str:
        """Name of the provider."""
        return self._provider.name

    @property
    def can_recover(self) -> bool:
        """Whether the provider can tell what a start has made that was cut off."""
        return self._provider.implements("recover_session")

    @property
    def can_tell_usage(self) -> bool:
        """Whether the provider can tell what a session is billed."""
        return self._provider.implements("session_usage")

    async def list_sessions(self) -> tuple[ListedSession, ...]:
        """List what lives at the provider now.

        Raises:
            ConfigurationError: The provider cannot list sessions.
            ProviderError: It did not answer, or not with sessions.
        """
        if not self._provider.implements("list_sessions"):
            raise ConfigurationError(
                f"provider {self.provider!r} does not tell its sessions (it has no hook"
                " list_sessions)"
            )
        request = ListSessionsRequest(**self._common(time.monotonic() + LIST_SECONDS))
        found = await self._call("list_sessions", request)
        if not isinstance(found, Sequence) or not all(
            isinstance(each, ListedSession) for each in found
        ):
            raise ProviderInvalidResponseError(
                "list_sessions did not return sessions; a defect of the provider",
                provider=self.provider,
            )
        return tuple(found)

    async def usage(
        self, session: StartedSession, *, room: RoomAddress | None
    ) -> SessionUsage | None:
        """Ask what a session is billed.

        Args:
            session: Which.
            room: The room it was started for, if known.

        Returns:
            What the provider says; None where it does not know, or cannot tell at all.

        Raises:
            ProviderError: It did not answer, or with something else.
        """
        if not self.can_tell_usage:
            return None
        request = SessionRequest(
            **self._common(time.monotonic() + ATTEMPT_SECONDS), room=room, session=session
        )
        found = await self._call("session_usage", request)
        if found is not None and not isinstance(found, SessionUsage):
            raise ProviderInvalidResponseError(
                "session_usage did not return a SessionUsage; a defect of the provider",
                provider=self.provider,
            )
        return found

    async def check(self) -> tuple[Finding, ...]:
        """Ask whether a call could start now; nothing is billed.

        Raises:
            ProviderError: The check itself failed.
        """
        request = CheckRequest(**self._common(time.monotonic() + CHECK_SECONDS))
        found = await self._call("check_provider", request)
        if not isinstance(found, Sequence) or not all(isinstance(each, Finding) for each in found):
            raise ProviderInvalidResponseError(
                "check_provider did not return findings; a defect of the provider",
                provider=self.provider,
            )
        return tuple(found)

    async def end(self, session: ListedSession, *, reason: str, must_exist: bool = False) -> None:
        """End a session, asking again for a while until that is acknowledged.

        Args:
            session: Which; its id is enough, for a provider that needs no more.
            reason: For the provider's log.
            must_exist: An id that the provider does not know is an error.

        Raises:
            ProviderError: It was not acknowledged, so the session may go on.
        """
        await self.end_started(
            _as_started(session), room=_room_of(session), reason=reason, must_exist=must_exist
        )

    async def end_started(
        self,
        session: StartedSession,
        *,
        room: RoomAddress | None,
        reason: str,
        must_exist: bool = False,
    ) -> None:
        """End a session of which it is known how it was started.

        Args:
            session: Which.
            room: The room it was started for, if known.
            reason: For the provider's log.
            must_exist: An id that the provider does not know is an error.

        Raises:
            ProviderError: It was not acknowledged, so the session may go on.
        """
        deadline = time.monotonic() + END_SECONDS
        pause = FIRST_PAUSE
        while True:
            attempt_until = min(deadline, time.monotonic() + ATTEMPT_SECONDS)
            request = EndRequest(
                **self._common(attempt_until),
                room=room,
                session=session,
                reason=reason,
                must_exist=must_exist,
            )
            try:
                await self._call("end_session", request)
                return
            except ProviderError as exc:
                wait = max(pause, exc.retry_after or 0.0)
                if not _may_pass(exc) or time.monotonic() + wait >= deadline:
                    raise
            await asyncio.sleep(wait)
            pause *= 2

    async def recover(
        self, *, room: RoomAddress | None, identity: str, idempotency_key: str
    ) -> StartedSession | None:
        """Find the session that a start has made whose process was killed before it knew.

        Args:
            room: The room it was for.
            identity: Identity of its avatar.
            idempotency_key: The key of that start.

        Returns:
            The session, or None where there is none.

        Raises:
            ProviderError: It did not tell.
        """
        request = RecoverRequest(
            **self._common(time.monotonic() + RECOVER_SECONDS),
            room=room,
            identity=identity,
            idempotency_key=idempotency_key,
            error=StartUncertainError(
                "the agent's process was killed while it started", provider=self.provider
            ),
        )
        found = await self._call("recover_session", request)
        return recovered_session(found, provider=self.provider)

    async def _call(self, hook: str, request: ProviderRequest) -> Any:
        try:
            return await call_provider(self._provider, hook, request, around=self._around)
        except AvatarError:
            raise
        except Exception as exc:  # an extension may refuse a call with anything
            raise ProviderError(
                f"{hook} was not carried out: an extension failed with {type(exc).__name__}",
                provider=self.provider,
            ) from exc

    def _common(self, deadline: float) -> dict[str, Any]:
        return {"options": self._options, "deadline": deadline, "http": self._http}


@asynccontextmanager
async def open_accounts(chosen: Sequence[Resolved]) -> AsyncIterator[tuple[ProviderAccount, ...]]:
    """Ask providers on this event loop, over connections that are closed afterwards.

    Args:
        chosen: The providers; one that is named twice is asked once for each.
    """
    http = HttpPool()
    around = tuple(extension.around_call for extension in active_extensions())
    try:
        yield tuple(ProviderAccount(each, http=http, around=around) for each in chosen)
    finally:
        await http.aclose()


def _may_pass(exc: ProviderError) -> bool:
    # An answer that makes no sense is often a proxy's, and gone at the next attempt.
    return exc.retryable or isinstance(exc, ProviderInvalidResponseError)


def _as_started(session: ListedSession) -> StartedSession:
    return StartedSession(
        session_id=session.session_id,
        identities=(session.avatar_identity,) if session.avatar_identity else (),
        audio=Discard(),
    )


def _room_of(session: ListedSession) -> RoomAddress | None:
    if session.livekit_url is None or session.room is None or session.agent_identity is None:
        return None
    return RoomAddress(
        url=session.livekit_url, name=session.room, agent_identity=session.agent_identity
    )
