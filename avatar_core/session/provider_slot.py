"""One provider in one call: its requests, filled with what stays the same."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from livekit import rtc
from livekit.agents import AgentSession

from avatar_core.calling.provider_call import AroundCall, call_provider
from avatar_core.calling.recovered import recovered_session
from avatar_core.contract import models
from avatar_core.contract.errors import ProviderError, StartUncertainError
from avatar_core.contract.options import ProviderOptions
from avatar_core.discovery.loaded import LoadedProvider
from avatar_core.provider_http.pool import HttpPool
from avatar_core.session.call_site import CallSite
from avatar_core.tokens.worker_token import PUBLISH_ON_BEHALF, mint_worker_token

HOOK_SECONDS = 10.0
"""Deadline of hooks that have none of their own, in seconds."""


@dataclass(frozen=True, kw_only=True)
class ProviderSlot:
    """A candidate, checked and ready to be started.

    Args:
        provider: The loaded provider.
        options: Its options, checked.
        site: Room and key; None where nobody joins a room.
        identity: Identity of the avatar participant.
        name: Its display name.
        http: Connections of the job.
        connect: The caller's ``conn_options``.
        around: Active extensions.
        idempotency_key: One key for the start of this slot.
    """

    provider: LoadedProvider
    options: ProviderOptions
    site: CallSite | None
    identity: str
    name: str
    http: HttpPool
    connect: models.ConnectOptions
    around: Sequence[AroundCall]
    idempotency_key: str = field(default_factory=lambda: uuid.uuid4().hex)

    def successor(self, number: int) -> ProviderSlot:
        """Return the same candidate for another start, of an avatar with an identity of its own.

        Args:
            number: Which start of this candidate it is in the call, from 2.
        """
        return replace(self, identity=f"{self.identity}-{number}", idempotency_key=uuid.uuid4().hex)

    @property
    def room(self) -> models.RoomAddress | None:
        """The room's address, None where nobody joins one."""
        return self.site.address if self.site else None

    @property
    def attributes(self) -> Mapping[str, str]:
        """Attributes the avatar participant must carry."""
        return {PUBLISH_ON_BEHALF: self.room.agent_identity} if self.room else {}

    async def call(self, hook: str, request: models.ProviderRequest) -> Any:
        """Call one hook of this provider."""
        return await call_provider(self.provider, hook, request, around=self.around)

    async def prewarm(self) -> None:
        """Let the provider prepare for a start."""
        await self.call("prewarm", models.PrewarmRequest(**self._common(HOOK_SECONDS)))

    async def mint_tokens(self, *, ttl: float) -> tuple[models.WorkerToken, ...]:
        """Mint the tokens that a start needs.

        Args:
            ttl: Seconds they are valid.
        """
        info = self.provider.info
        if info.tokens == "none" or self.site is None:
            return ()
        roles = info.token_roles if info.tokens == "many" else info.token_roles[:1]
        return tuple([await self._mint(role, first=role == roles[0], ttl=ttl) for role in roles])

    async def _mint(self, role: str, *, first: bool, ttl: float) -> models.WorkerToken:
        assert self.site is not None
        identity = self.identity if first else f"{self.identity}-{role}"
        request = models.TokenRequest(
            **self._common(HOOK_SECONDS),
            room=self.site.address,
            role=role,
            identity=identity,
            name=self.name if first else identity,
            attributes=self.attributes,
            ttl=ttl,
            can_subscribe=self.provider.info.capabilities.worker_can_subscribe,
            api_key=self.site.api_key,
            api_secret=self.site.api_secret,
        )
        jwt = await call_provider(
            self.provider, "mint_token", request, around=self.around, fallback=mint_worker_token
        )
        if not isinstance(jwt, str) or not jwt:
            raise ProviderError(
                "mint_token returned no token; a defect of the provider",
                provider=self.provider.name,
            )
        return models.WorkerToken(role=role, identity=identity, jwt=jwt)

    async def start(
        self,
        *,
        tokens: tuple[models.WorkerToken, ...],
        seconds: float,
        agent_session: AgentSession[Any],
        rtc_room: rtc.Room,
    ) -> models.StartedSession:
        """Create the session; run it in a task of its own, for it is never cancelled.

        Args:
            tokens: What ``mint_tokens`` returned.
            seconds: Until the deadline.
            agent_session: The agent's session.
            rtc_room: The agent's room.

        Raises:
            StartUncertainError: What came back is no session, so there may be one.
        """
        started = await self.call(
            "start_session",
            models.StartRequest(
                **self._common(seconds),
                room=self.room,
                identity=self.identity,
                name=self.name,
                attributes=self.attributes,
                tokens=tokens,
                idempotency_key=self.idempotency_key,
                agent_session=agent_session,
                rtc_room=rtc_room,
                room_key=self._room_key(),
            ),
        )
        if not isinstance(started, models.StartedSession):
            raise StartUncertainError(
                "start_session did not return a StartedSession; a defect of the provider",
                provider=self.provider.name,
            )
        return started

    async def end(
        self, session: models.StartedSession, *, reason: str, seconds: float = HOOK_SECONDS
    ) -> None:
        """Ask once to end a session.

        Args:
            session: The session.
            reason: Why, for the provider's log.
            seconds: Until the deadline.
        """
        await self.call(
            "end_session",
            models.EndRequest(
                **self._common(seconds), room=self.room, session=session, reason=reason
            ),
        )

    async def recover(self, error: BaseException) -> models.StartedSession | None:
        """Ask once for the session that an uncertain start may have made.

        Raises:
            ProviderError: The provider failed, or its answer is no session and not None: then
                there may be one all the same.
        """
        found = await self.call(
            "recover_session",
            models.RecoverRequest(
                **self._common(HOOK_SECONDS),
                room=self.room,
                identity=self.identity,
                idempotency_key=self.idempotency_key,
                error=error,
            ),
        )
        return recovered_session(found, provider=self.provider.name)

    async def agent_state_changed(
        self, session: models.StartedSession, *, old_state: str, new_state: str
    ) -> None:
        """Tell the provider what the agent does now."""
        await self.call(
            "agent_state_changed",
            models.AgentStateRequest(
                **self._common(HOOK_SECONDS),
                room=self.room,
                session=session,
                old_state=old_state,
                new_state=new_state,
            ),
        )

    async def keep_alive(self, session: models.StartedSession) -> None:
        """Keep a live session from expiring."""
        await self.call(
            "keep_alive",
            models.SessionRequest(**self._common(HOOK_SECONDS), room=self.room, session=session),
        )

    async def send_command(
        self, session: models.StartedSession, command: str, payload: Mapping[str, Any]
    ) -> Any:
        """Carry out a command of the provider's own."""
        return await self.call(
            "send_command",
            models.CommandRequest(
                **self._common(HOOK_SECONDS),
                room=self.room,
                session=session,
                command=command,
                payload=payload,
            ),
        )

    def _room_key(self) -> models.RoomKey | None:
        if self.site is None or not self.provider.info.needs_room_key:
            return None
        return models.RoomKey(api_key=self.site.api_key, api_secret=self.site.api_secret)

    def _common(self, seconds: float) -> dict[str, Any]:
        return {
            "options": self.options,
            "deadline": time.monotonic() + seconds,
            "http": self.http,
            "connect": self.connect,
        }
