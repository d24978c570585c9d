"""What the core asks of a provider, one record a hook."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from avatar_core.contract.sessions import RoomAddress, RoomKey, StartedSession, WorkerToken

if TYPE_CHECKING:
    from livekit import rtc
    from livekit.agents import AgentSession

    from avatar_core.provider_http.pool import HttpPool


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectOptions:
    """How hard to try to reach the provider's API; LiveKit's ``conn_options`` in neutral words.

    Args:
        max_retry: Retries after the first attempt.
        retry_interval: Seconds between attempts.
        timeout: Seconds for one attempt.
    """

    max_retry: int = 3
    retry_interval: float = 2.0
    timeout: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderRequest:
    """What every request carries.

    Args:
        options: The caller's options, checked by the provider's own model.
        deadline: ``time.monotonic()`` value by which the hook has to be done.
        http: Connections, shared by all calls of this job.
        connect: The caller's ``conn_options``.
    """

    options: Any
    deadline: float
    http: HttpPool = field(repr=False)
    connect: ConnectOptions = ConnectOptions()


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRequest(ProviderRequest):
    """Asks for one room token.

    Args:
        room: The room it opens.
        role: Which of the provider's tokens, see ``ProviderInfo.token_roles``.
        identity: Identity it opens the room for.
        name: Display name of that participant.
        attributes: Participant attributes to carry, ``lk.publish_on_behalf`` among them.
        ttl: Seconds it is valid.
        can_subscribe: Whether it may receive others' media.
        api_key: LiveKit API key that signs it.
        api_secret: LiveKit API secret that signs it.
    """

    room: RoomAddress
    role: str
    identity: str
    name: str
    attributes: Mapping[str, str]
    ttl: float
    can_subscribe: bool = False
    api_key: str = field(repr=False)
    api_secret: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class StartRequest(ProviderRequest):
    """Asks for a session.

    Args:
        room: The room to join; None when the options say nobody joins.
        identity: Identity of the avatar participant.
        name: Its display name.
        attributes: Attributes that participant must carry.
        tokens: The minted tokens, in the order of ``ProviderInfo.token_roles``.
        idempotency_key: One key for this start, kept over the provider's own retries.
        agent_session: The agent's session, for a provider in this process.
        rtc_room: The agent's room, for a provider in this process.
        room_key: The key to the room, only where ``ProviderInfo.needs_room_key`` asks for it.
    """

    room: RoomAddress | None
    identity: str
    name: str
    attributes: Mapping[str, str]
    tokens: tuple[WorkerToken, ...]
    idempotency_key: str
    agent_session: AgentSession[Any] = field(repr=False)
    rtc_room: rtc.Room = field(repr=False)
    room_key: RoomKey | None = field(default=None, repr=False, metadata={"since": 2})

    @property
    def token(self) -> str:
        """The avatar's own token, the first; raises IndexError where none was minted."""
        return self.tokens[0].jwt


@dataclass(frozen=True, slots=True, kw_only=True)
class EndRequest(ProviderRequest):
    """Asks to end a session; sent again until it is acknowledged.

    Args:
        room: The room it was in, None if it joined none.
        session: What ``start_session`` returned.
        reason: Why it ends, one word or two, for the provider's log.
        must_exist: A person named the session, who may have mistyped its id, or a journal, which
            may be about another account: one that the provider has never had is an error then,
            and not a session that has ended.
    """

    room: RoomAddress | None
    session: StartedSession
    reason: str
    must_exist: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoverRequest(ProviderRequest):
    """Asks for the session that an uncertain start may have made.

    Args:
        room: The room it would be in.
        identity: Identity its avatar would have.
        idempotency_key: The key of that start.
        error: What ``start_session`` raised.
    """

    room: RoomAddress | None
    identity: str
    idempotency_key: str
    error: BaseException = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRequest(ProviderRequest):
    """Concerns one session: keep-alive of a live one, or the bill of one that has ended.

    Args:
        room: The room it is or was in; None if it joined none.
        session: What ``start_session`` returned.
    """

    room: RoomAddress | None
    session: StartedSession


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentStateRequest(SessionRequest):
    """Tells a live session what the agent does now, in LiveKit's words.

    Args:
        old_state: Such as ``listening``.
        new_state: Such as ``speaking``.
    """

    old_state: str
    new_state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandRequest(SessionRequest):
    """A provider-specific command to a live session.

    Args:
        command: Its name, from the provider's documentation.
        payload: Its arguments.
    """

    command: str
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListSessionsRequest(ProviderRequest):
    """Asks for the sessions that live at the provider now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRequest(ProviderRequest):
    """Asks whether a call could start now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrewarmRequest(ProviderRequest):
    """Asks to prepare for a start: open connections, load models. Nothing may be billed."""
