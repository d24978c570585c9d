"""What the emulated account holds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

TERMINAL = frozenset({"ended", "failed", "canceled"})
ACTIVE = frozenset({"created", "queued", "starting", "running", "ending"})
STATUSES = TERMINAL | ACTIVE


@dataclass(kw_only=True)
class SessionRecord:
    """A session.

    Args:
        id: Its id.
        avatar_id: Whom it shows.
        transport: As asked for, without the token.
        token: The worker's token; never shown.
        quality: Tier.
        max_duration_seconds: After the plan's limit.
        idle_timeout_seconds: Without received audio.
        metadata: The customer's.
        created_at: Unix time.
        surface: Where it was asked for.
    """

    id: str
    avatar_id: str
    transport: Mapping[str, Any]
    token: str = field(repr=False)
    quality: str
    max_duration_seconds: int
    idle_timeout_seconds: int
    metadata: Mapping[str, Any]
    created_at: float
    surface: str = "api"
    status: str = "queued"
    started_at: float | None = None
    first_frame_at: float | None = None
    ended_at: float | None = None
    failed_at: float | None = None
    failure: tuple[str, str] | None = None
    frames: int = 0
    history: list[str] = field(default_factory=lambda: ["queued"])

    @property
    def over(self) -> bool:
        """Whether nothing can happen to it any more."""
        return self.status in TERMINAL

    def seconds(self, now: float) -> float:
        """Return how long it has run."""
        if self.started_at is None:
            return 0.0
        end = self.ended_at or self.failed_at or now
        return max(0.0, end - self.started_at)

    def credits(self, now: float) -> int:
        """Return what it costs: one credit for each started minute."""
        if self.started_at is None:
            return 0
        return max(1, math.ceil(self.seconds(now) / 60))


@dataclass(kw_only=True)
class AvatarRecord:
    """An avatar.

    Args:
        id: Its id.
        name: For people.
        runtime_type: What renders it.
        is_demo: Whether it is Protoface's own.
        created_at: Unix time.
        status: ready, processing or failed.
        failure_reason: Why it failed.
    """

    id: str
    name: str
    runtime_type: str
    is_demo: bool
    created_at: float
    status: str = "ready"
    failure_reason: str | None = None
