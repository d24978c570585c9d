"""What is written down of a session when it is over."""

from __future__ import annotations

import shlex
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRecord:
    """One session at a provider, for whoever reconciles its invoice.

    Args:
        provider: Where it was.
        session_id: The provider's id of it; None where it has none, or it never became known.
        avatar_identity: Identity of its avatar; empty where nobody joined a room.
        room: Name of its room; None without one.
        started: Unix time at which the provider was asked for it: it is billed from then on at the
            earliest.
        ended: Unix time at which the provider acknowledged its end; None while it has not.
        reason: Why it was ended, in a few words.
        seconds: From ``started`` to ``ended``, or to now where it is not ended.
        attempts: How often the provider was asked to end it.
    """

    provider: str
    session_id: str | None
    avatar_identity: str
    room: str | None
    started: float
    ended: float | None
    reason: str
    seconds: float
    attempts: int

    @property
    def command(self) -> str | None:
        """The command that ends it by hand, or finds it; None where it is ended."""
        if self.ended is not None:
            return None
        if self.session_id is None:
            return f"avatar sessions reap --provider {self.provider}"
        # A provider may call a session anything, and this line is there to be pasted.
        written = shlex.quote(self.session_id)
        if written.startswith("-"):
            return f"avatar sessions end --provider {self.provider} -- {written}"
        return f"avatar sessions end {written} --provider {self.provider}"
