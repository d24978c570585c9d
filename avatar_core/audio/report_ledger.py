"""What an avatar reports of its playback, and of which segment a report is."""

from __future__ import annotations

import time

from avatar_core.audio.playback_rpc import PlaybackReport
from avatar_core.audio.sent_segment import SentSegment

EARLY = 0.1
"""Seconds by which an avatar's clock may be ahead of ours within one segment."""

SOONER = 0.3
"""Seconds by which a segment may be over sooner than it is long."""


class ReportLedger:
    """Keeps which reports an avatar has sent, and how many of given-up segments may yet come."""

    def __init__(self) -> None:
        self.tells_starts = False
        """It has reported the start of a segment before."""
        self.tells_ends = False
        """It has reported the end of a segment before."""
        self._unanswered = 0

    def given_up(self) -> None:
        """Note that a segment counts as over without a report, which may come late."""
        self._unanswered += 1

    def came_late(self) -> None:
        """Note a report of a segment that was given up on."""
        self._unanswered = max(0, self._unanswered - 1)

    def is_of(self, segment: SentSegment, report: PlaybackReport) -> bool:
        """Tell a report of this segment from one of an earlier segment, given up on."""
        if segment.first_sent_at is None:
            return False
        if self._unanswered == 0:
            return True
        elapsed = time.time() - segment.first_sent_at
        if not report.interrupted and elapsed < segment.pushed - SOONER:
            return False
        return report.position <= elapsed + EARLY and report.interrupted == segment.cleared
