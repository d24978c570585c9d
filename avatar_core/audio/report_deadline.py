"""Until when an avatar's report of the end of a segment is waited for."""

from __future__ import annotations

import time
from collections.abc import Callable

from avatar_core.audio.alarm import Alarm
from avatar_core.audio.sent_segment import SentSegment
from avatar_core.audio.stream_break import StreamBreak

ASSUMED_START = 1.0
"""Seconds after its first audio at which a segment counts as begun if nobody said so."""

OVERDUE = 3.0
"""Seconds that a playback report may be late, on top of the provider's own lag."""

CUT_OFF_GRACE = 1.5
"""Seconds in which an avatar that cut a segment off unasked may turn out to have left: then the
rest is still to be said."""

STALL = 0.5
"""Seconds by which the event loop is late for a deadline if it stood still: then what has arrived
meanwhile is yet to be looked at."""


class ReportDeadline:
    """Calls when a report is overdue; what held it up on the way puts the moment off.

    Args:
        way: The way to the avatar, which may be made anew or held up.
        report_lag: Seconds by which the provider's reports lag behind the sound.
        clear_timeout: Seconds within which the provider reports that it was silenced.
        on_missing: Called when it is overdue.
    """

    def __init__(
        self,
        *,
        way: StreamBreak,
        report_lag: float,
        clear_timeout: float,
        on_missing: Callable[[], None],
    ) -> None:
        self._way = way
        self._report_lag = report_lag
        self._clear_timeout = clear_timeout
        self._on_missing = on_missing
        self._alarm = Alarm()
        self._cleared = False

    def expect_end(self, segment: SentSegment) -> None:
        """Wait for the report of a segment that has been sent to its end."""
        self._cleared = False
        until_start = 0.0 if segment.started_at is not None else ASSUMED_START
        due = segment.ends_at + until_start + self._report_lag + OVERDUE
        self._alarm.set(due - time.time(), self._look)

    def expect_silence(self) -> None:
        """Wait for the report of a segment that the avatar was told to drop."""
        self._cleared = True
        self._alarm.set(self._clear_timeout + self._report_lag, self._look)

    def expect_departure(self, give_up: Callable[[], None]) -> None:
        """Wait for an avatar that cut a segment off to leave, or not; then call."""
        self._alarm.set(CUT_OFF_GRACE, give_up)

    def cancel(self) -> None:
        """Wait no longer."""
        self._alarm.cancel()

    def _look(self) -> None:
        if (patience := self._patience()) > 0.0:
            self._alarm.set(patience, self._look)
        else:
            self._on_missing()

    def _patience(self) -> float:
        """Tell for how many more seconds a report that is overdue may be on its way."""
        if self._alarm.lateness > STALL:
            return OVERDUE
        if self._cleared:
            return 0.0
        # The avatar, too, got nothing to say for so long.
        held_up = self._way.held_up_since()
        return held_up if self._way.connected else OVERDUE
