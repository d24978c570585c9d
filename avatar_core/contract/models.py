"""The records that pass between the core and a provider."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from avatar_core.contract.audio_routes import AudioRoute
from avatar_core.contract.options import ProviderOptions

if TYPE_CHECKING:
    from livekit import rtc
    from livekit.agents import AgentSession

    from avatar_core.provider_http.pool import HttpPool

CONTRACT_VERSION = 1
"""Version of the hooks and records here; a provider states the one it was written for."""


# --- what a provider says of itself -----------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """A secret that the provider needs.

    Args:
        option: The option that carries it.
        variable: The environment variable it is read from otherwise.
        description: Where a user gets it.
    """

    option: str
    variable: str
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioFormat:
    """The audio a provider takes: s16le mono at ``sample_rate`` Hz, None for any rate."""

    sample_rate: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a provider can do.

    Args:
        idempotent_start: Two starts with one idempotency key make one session.
        explicit_end: ``end_session`` stops the billing; else it stops by absence or timeout.
        concurrent_sessions: Sessions at once as far as known, None for no known limit.
        remote: The worker runs outside this machine: it cannot reach a loopback room url.
        worker_can_subscribe: The worker needs to hear the room, so its token may subscribe.
    """

    idempotent_start: bool = False
    explicit_end: bool = True
    concurrent_sessions: int | None = None
    remote: bool = True
    worker_can_subscribe: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderInfo:
    """What ``describe_provider`` returns.

    Args:
        name: The entry-point name: lower case, digits, ``_``, ``-`` and ``.``.
        title: The provider's name as people write it.
        contract_version: The ``CONTRACT_VERSION`` it was written for.
        options: Its options, a ``ProviderOptions`` subclass.
        avatar_option: The option that the part behind the slash fills, as in ``name/avatar``.
        tokens: Room tokens a start needs.
        token_roles: A name for each token, in the order they are minted; the first is the avatar.
        default_identity: Identity of the avatar participant unless the caller sets one.
        default_name: Its display name; None takes the identity.
        credentials: Secrets it needs.
        audio: The audio it takes.
        capabilities: What it can do.
        rejoin_grace: Seconds an avatar that left may take to come back by itself.
        report_lag: Seconds by which its playback reports lag behind the sound.
        keep_alive_period: Seconds between ``keep_alive`` calls; None for none.
        docs: Where its documentation is.
    """

    name: str
    title: str
    options: type[ProviderOptions]
    contract_version: int = CONTRACT_VERSION
    avatar_option: str | None = None
    tokens: Literal["none", "one", "many"] = "one"
    token_roles: tuple[str, ...] = ("avatar",)
    default_identity: str = ""
    default_name: str | None = None
    credentials: tuple[Credential, ...] = ()
    audio: AudioFormat = AudioFormat()
    capabilities: Capabilities = Capabilities()
    rejoin_grace: float = 5.0
    report_lag: float = 0.0
    keep_alive_period: float | None = None
    docs: str | None = None

    @property
    def avatar_identity(self) -> str:
        """Identity of the avatar participant unless the caller sets one."""
        return self.default_identity or f"{self.name}-avatar-agent"


# --- what the core asks for -------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomAddress:
    """The room of a call.

    Args:
        url: LiveKit server url, ``ws(s)://``.
        name: Room name.
        agent_identity: Identity of the agent whose speech the avatar says.
    """

    url: str
    name: str
    agent_identity: str


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
        http: Connections shared by the calls of this session.
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
class WorkerToken:
    """A room token for the avatar's worker.

    Args:
        role: Which of the provider's tokens it is.
        identity: The identity it opens the room for.
        jwt: The token itself; never printed.
    """

    role: str
    identity: str
    jwt: str = field(repr=False)


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
    """

    room: RoomAddress | None
    identity: str
    name: str
    attributes: Mapping[str, str]
    tokens: tuple[WorkerToken, ...]
    idempotency_key: str
    agent_session: AgentSession[Any] = field(repr=False)
    rtc_room: rtc.Room = field(repr=False)

    @property
    def token(self) -> str:
        """The avatar's own token, the first; raises IndexError where none was minted."""
        return self.tokens[0].jwt


@dataclass(frozen=True, slots=True, kw_only=True)
class StartedSession:
    """What ``start_session`` returns.

    Args:
        session_id: The provider's id of it; None where it has none.
        identities: Participants that belong to it, the avatar first; all are removed at the end.
        audio: How speech reaches it.
        expires_at: Unix time at which the provider ends it by itself; None if never or unknown.
        idle_timeout: Seconds without speech after which the provider ends it; None if never.
        data: The provider's own, handed back with every later request; never printed.
    """

    session_id: str | None
    identities: tuple[str, ...]
    audio: AudioRoute
    expires_at: float | None = None
    idle_timeout: float | None = None
    data: Any = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class EndRequest(ProviderRequest):
    """Asks to end a session; sent again until it is acknowledged.

    Args:
        room: The room it was in, None if it joined none.
        session: What ``start_session`` returned.
        reason: Why it ends, one word or two, for the provider's log.
    """

    room: RoomAddress | None
    session: StartedSession
    reason: str


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
    """Concerns a live session: keep-alive.

    Args:
        room: The room it is in.
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
class ListedSession:
    """A session as the provider sees it.

    Args:
        session_id: The provider's id of it.
        status: The provider's word for its state.
        created_at: Unix time of its creation, if told.
        room: Room it was started for, if told.
        metadata: What else the provider tells.
    """

    session_id: str
    status: str
    created_at: float | None = None
    room: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRequest(ProviderRequest):
    """Asks whether a call could start now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One result of a check.

    Args:
        level: ``ok``, ``warning`` or ``error``.
        message: What was found, one sentence.
        remedy: What to do about it; empty when all is well.
    """

    level: Literal["ok", "warning", "error"]
    message: str
    remedy: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrewarmRequest(ProviderRequest):
    """Asks to prepare for a start: open connections, load models. Nothing may be billed."""
