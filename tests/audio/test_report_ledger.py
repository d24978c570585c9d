"""Which segment a report of playback is of, where reports of earlier ones may come late."""

from __future__ import annotations

import time

from avatar_core.audio.playback_rpc import PlaybackReport
from avatar_core.audio.report_ledger import ReportLedger
from avatar_core.audio.sent_segment import SentSegment


def _segment(*, seconds: float, sent_ago: float | None, cleared: bool = False) -> SentSegment:
    segment = SentSegment(pushed=seconds, flushed=True, cleared=cleared)
    segment.first_sent_at = None if sent_ago is None else time.time() - sent_ago
    return segment


def _report(position: float, *, interrupted: bool = False) -> PlaybackReport:
    return PlaybackReport(position=position, interrupted=interrupted)


def test_a_report_is_of_the_segment_under_way_where_none_is_owed() -> None:
    assert ReportLedger().is_of(_segment(seconds=5, sent_ago=0.1), _report(0.0))


def test_nothing_can_be_reported_of_what_was_not_sent() -> None:
    assert not ReportLedger().is_of(_segment(seconds=5, sent_ago=None), _report(0.0))


def test_the_late_end_of_an_empty_segment_is_not_the_end_of_the_next_one() -> None:
    ledger = ReportLedger()
    ledger.given_up()
    following = _segment(seconds=5, sent_ago=0.2)
    assert not ledger.is_of(following, _report(0.0))
    ledger.came_late()
    assert ledger.is_of(following, _report(0.0))


def test_its_own_end_is_told_from_a_late_one() -> None:
    ledger = ReportLedger()
    ledger.given_up()
    assert ledger.is_of(_segment(seconds=5, sent_ago=5.2), _report(5.0))
    assert not ledger.is_of(_segment(seconds=5, sent_ago=1), _report(3.0, interrupted=True))
    cleared = _segment(seconds=5, sent_ago=1, cleared=True)
    assert ledger.is_of(cleared, _report(0.9, interrupted=True))
    assert not ledger.is_of(cleared, _report(3.0, interrupted=True))
