"""What is known of a segment that is sent to an avatar."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from avatar_core.audio.audio_end import heard_since


@dataclass(slots=True)
class SentSegment:
    """One segment; times are unix times, lengths seconds."""

    begun_at: float = field(default_factory=time.time)
    pushed: float = 0.0
    """How much of it there is so far."""
    ends_at: float = 0.0
    """When it will have been played."""
    flushed: bool = False
    """There is no more of it."""
    cleared: bool = False
    """The avatar was told to be silent."""
    first_sent_at: float | None = None
    started_at: float | None = None
    """When it began to be played."""
    start_reported: bool = False
    """The avatar said so."""
    cut_off_at: float | None = None
    """How far the avatar has got, where it will say no more of it."""
    reached: float | None = None
    """How much of it was sent, where the rest does not get there."""

    def add(self, seconds: float) -> None:
        """Note more of it; what comes late is played late: the end moves on with it."""
        self.pushed += seconds
        self.ends_at = max(self.ends_at, time.time()) + seconds

    def start(self, at: float) -> None:
        """Note when it began to be played."""
        self.started_at = at
        self.ends_at += max(0.0, at - self.begun_at)

    def estimate(self, until: float | None = None) -> float:
        """Tell how much of it was heard, as far as can be told without a report.

        Args:
            until: Since when nothing of it was heard; None for now.
        """
        if self.cut_off_at is not None:
            return min(self.cut_off_at, self.pushed)
        sent = self.pushed if self.reached is None else min(self.reached, self.pushed)
        return heard_since(self.started_at, sent, until=until)
