"""Rooms, tokens and sessions, as the core and a provider speak of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from avatar_core.contract.audio_routes import AudioRoute


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
class RoomKey:
    """What signs tokens for every room of a LiveKit project; never printed.

    Args:
        api_key: LiveKit API key.
        api_secret: LiveKit API secret.
    """

    api_key: str = field(repr=False, metadata={"since": 2})
    api_secret: str = field(repr=False, metadata={"since": 2})


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
        wrapped: The vendor's own object behind it, for the caller: ``AvatarSession.wrapped``.
    """

    session_id: str | None
    identities: tuple[str, ...]
    audio: AudioRoute
    expires_at: float | None = None
    idle_timeout: float | None = None
    data: Any = field(default=None, repr=False)
    wrapped: Any = field(default=None, repr=False, metadata={"since": 2})


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedSession:
    """A session as the provider sees it.

    ``avatar sessions reap`` ends only what it can tell the owner of: for that ``created_at``,
    ``room``, ``livekit_url`` and ``agent_identity`` are needed, whole and as the start had them.

    Args:
        session_id: The provider's id of it.
        status: The provider's word for its state.
        created_at: Unix time of its creation, if told.
        room: Room it was started for, if told.
        metadata: What else the provider tells.
        livekit_url: LiveKit server that its worker was told to join, if told.
        agent_identity: Identity of the agent it speaks for; None where whoever started it left
            none.
        avatar_identity: Identity of its worker in the room, if told.
        job_id: LiveKit job of the agent, if there was one.
        version: Version of the provider's package that started it, if told.
        ending: It is on its way out, and nothing has to be done about it.
    """

    session_id: str
    status: str
    created_at: float | None = None
    room: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    livekit_url: str | None = None
    agent_identity: str | None = None
    avatar_identity: str | None = None
    job_id: str | None = None
    version: str | None = None
    ending: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionUsage:
    """What the provider bills for a session.

    Args:
        billed_seconds: Seconds of it that it bills, as it counts them.
        final: Whether it will say the same later.
    """

    billed_seconds: float = field(metadata={"since": 2})
    final: bool = field(default=False, metadata={"since": 2})


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
