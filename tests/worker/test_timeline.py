"""The arithmetic of what is heard when."""

from __future__ import annotations

import numpy as np
import pytest

from avatar_core.worker.segment import Segment
from avatar_core.worker.timeline import Timeline


def segment(ordinal: int = 1) -> Segment:
    return Segment(ordinal=ordinal, sender="agent")


def ramp(count: int) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    return np.arange(1, count + 1, dtype=np.int16)


@pytest.fixture
def timeline() -> Timeline:
    return Timeline(rate=1000)


def test_an_empty_queue_plays_at_once(timeline: Timeline) -> None:
    assert timeline.push(5.0, segment(), ramp(100), 0) == 5.0
    assert timeline.end == pytest.approx(5.1)


def test_what_is_queued_plays_after_what_is_there(timeline: Timeline) -> None:
    first, second = segment(1), segment(2)
    timeline.push(5.0, first, ramp(95), 5)
    assert timeline.push(5.01, second, ramp(10), 0) == pytest.approx(5.1)
    assert timeline.heard(5.05, first) == pytest.approx(0.05)
    assert timeline.heard(5.2, first) == pytest.approx(0.095)  # padding is no speech
    assert timeline.heard(5.05, second) == 0.0


def test_a_queue_that_ran_dry_does_not_catch_up(timeline: Timeline) -> None:
    speech = segment()
    timeline.push(5.0, speech, ramp(100), 0)
    assert timeline.push(7.0, speech, ramp(100), 0) == 7.0
    assert timeline.heard(6.9, speech) == pytest.approx(0.1)
    assert timeline.heard(7.05, speech) == pytest.approx(0.15)


def test_a_cut_keeps_what_was_heard(timeline: Timeline) -> None:
    first, second = segment(1), segment(2)
    timeline.push(5.0, first, ramp(100), 0)
    timeline.push(5.0, second, ramp(100), 0)
    timeline.cut(5.03)
    assert timeline.heard(5.03, first) == pytest.approx(0.03)
    assert timeline.heard(9.0, first) == pytest.approx(0.03)
    assert timeline.heard(9.0, second) == 0.0
    assert timeline.push(5.03, segment(3), ramp(10), 0) == pytest.approx(5.03)


def test_a_cut_after_everything_was_heard_changes_nothing(timeline: Timeline) -> None:
    speech = segment()
    timeline.push(5.0, speech, ramp(100), 0)
    timeline.forget(speech)
    timeline.cut(6.0)
    assert timeline.window(5.0, 0.1).size == 100


def test_a_window_is_what_is_heard_in_it(timeline: Timeline) -> None:
    timeline.push(5.0, segment(), ramp(100), 0)
    assert timeline.window(5.02, 0.01).tolist() == list(range(21, 31))
    assert timeline.window(4.99, 0.02).tolist() == [0] * 10 + list(range(1, 11))
    assert timeline.window(5.09, 0.02).tolist() == list(range(91, 101)) + [0] * 10
    assert timeline.window(5.2, 0.02).size == 0


def test_a_window_spans_segments(timeline: Timeline) -> None:
    timeline.push(5.0, segment(1), ramp(10), 0)
    timeline.push(5.0, segment(2), ramp(10), 0)
    assert timeline.window(5.005, 0.01).tolist() == [6, 7, 8, 9, 10, 1, 2, 3, 4, 5]


def test_the_position_at_a_time_is_that_of_its_segment(timeline: Timeline) -> None:
    first, second = segment(1), segment(2)
    assert timeline.at(5.0) is None
    timeline.push(5.0, first, ramp(100), 0)
    timeline.push(5.0, second, ramp(100), 0)
    for time, speech, position in ((5.05, first, 0.05), (5.15, second, 0.05), (6.0, second, 0.1)):
        found = timeline.at(time)
        assert found is not None
        assert found[0] is speech
        assert found[1] == pytest.approx(position)


def test_what_was_heard_long_ago_is_forgotten(timeline: Timeline) -> None:
    timeline.push(5.0, segment(1), ramp(100), 0)
    timeline.push(9.0, segment(2), ramp(100), 0)
    assert timeline.window(5.0, 0.1).size == 0
