"""Whose a session at a provider is, and whether anybody still needs it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from avatar_core.contract.models import ListedSession
from avatar_core.operations.room_members import ServerAccess
from avatar_core.session.journal_entry import StoredEntry

Verdict = Literal[
    "orphaned", "suspect", "in use", "young", "ending", "unchecked", "unattributed", "no session"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedSession:
    """A session and what was found out about it.

    Args:
        provider: Where it lives.
        session: The session.
        age: Seconds since its creation, or since it was first seen where nobody told.
        verdict: ``orphaned`` is the only one that is ended; ``suspect`` looks like it and has been
            seen so only once.
        reason: Why, as a part of a sentence.
        stored: Where this host's journal has it; None for what the provider listed.
    """

    provider: str
    session: ListedSession
    age: float
    verdict: Verdict
    reason: str
    stored: StoredEntry | None = None

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from every other session; in the journal it may have no id yet."""
        if self.stored is not None:
            return self.provider, self.stored.path.name
        return self.provider, self.session.session_id


def why_unattributed(session: ListedSession, access: ServerAccess) -> str | None:
    """Say why nobody here can tell whose session it is; None where that is clear.

    Args:
        session: The session.
        access: The LiveKit server whose rooms can be looked at.
    """
    if session.livekit_url is None or session.room is None:
        return "the provider does not tell its LiveKit server and room"
    if not access.is_at(session.livekit_url):
        return f"its room is on another LiveKit server, {_host(session.livekit_url)}"
    if session.agent_identity is None:
        return "it does not say whose agent it speaks for: avatar-core did not start it"
    return None


def judge(
    session: ListedSession,
    *,
    members: frozenset[str] | str,
    age: float,
    grace: float,
) -> tuple[Verdict, str]:
    """Judge a session that is clearly this server's.

    Args:
        session: The session.
        members: Identities in its room, or why they are not known.
        age: Seconds since its creation, as far as anybody knows.
        grace: Seconds within which its agent may still be on its way into the room.

    Returns:
        The verdict and its reason.
    """
    if isinstance(members, str):
        return "unchecked", members
    if session.agent_identity in members:
        return "in use", f"agent {session.agent_identity} is in room {session.room}"
    if age < grace:
        return "young", f"its agent may still be joining (grace {grace:g} s)"
    return "orphaned", f"agent {session.agent_identity} is not in room {session.room}"


def _host(url: str) -> str:
    try:
        return urlsplit(url).netloc.rpartition("@")[2] or "unknown"
    except ValueError:
        return "unknown"
