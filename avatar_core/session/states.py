"""The states of an avatar session and the ways between them."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Literal

AvatarState = Literal["idle", "starting", "joining", "live", "voice_only", "closing", "closed"]

_NEXT: dict[AvatarState, frozenset[AvatarState]] = {
    "idle": frozenset({"starting", "closing"}),
    "starting": frozenset({"joining", "voice_only", "closing"}),
    "joining": frozenset({"live", "voice_only", "closing"}),
    "live": frozenset({"voice_only", "closing"}),
    "voice_only": frozenset({"live", "closing"}),
    "closing": frozenset({"closed"}),
    "closed": frozenset(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AvatarStateChangedEvent:
    """The avatar session went from one state to another.

    Args:
        old_state: Where it was.
        new_state: Where it is.
        reason: Why, in a few words.
        created_at: Unix time.
    """

    old_state: AvatarState
    new_state: AvatarState
    reason: str
    created_at: float = field(default_factory=time.time)


def may_follow(old: AvatarState, new: AvatarState) -> bool:
    """Tell whether a state may come right after another."""
    return new in _NEXT[old]


@dataclass(frozen=True, slots=True, kw_only=True)
class AvatarAvailabilityChangedEvent:
    """Speech goes to the avatar from now on, or no longer does.

    Args:
        available: Whether the avatar speaks.
        identity: Identity of the avatar participant.
        reason: Why, in a few words.
        created_at: Unix time.
    """

    available: bool
    identity: str
    reason: str
    created_at: float = field(default_factory=time.time)


@dataclass(frozen=True, slots=True, kw_only=True)
class StartAttempt:
    """One try to start one provider.

    Args:
        provider: Its name.
        started_at: Unix time.
        duration: Seconds it took.
        error: Why it failed; None for a success.
    """

    provider: str
    started_at: float
    duration: float
    error: BaseException | None = None
