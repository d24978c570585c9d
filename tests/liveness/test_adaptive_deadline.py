from __future__ import annotations

import pytest

from avatar_core.liveness.adaptive_deadline import AdaptiveDeadline


def test_before_the_first_answer_a_second_is_given() -> None:
    assert AdaptiveDeadline().deadline == 1.0


def test_prompt_answers_shorten_the_deadline_to_its_minimum() -> None:
    deadline = AdaptiveDeadline()
    for _ in range(50):
        deadline.observe(0.005)
    assert deadline.deadline == 0.25
    assert deadline.round_trip == pytest.approx(0.005)


def test_the_first_answer_counts_with_half_of_it_as_variation() -> None:
    deadline = AdaptiveDeadline()
    deadline.observe(0.2)
    assert deadline.deadline == pytest.approx(0.2 + 4 * 0.1)


def test_later_answers_are_smoothed_as_rfc_6298_says() -> None:
    deadline = AdaptiveDeadline()
    deadline.observe(0.2)
    deadline.observe(0.4)
    variation = 0.75 * 0.1 + 0.25 * 0.2
    assert deadline.round_trip == pytest.approx(7 / 8 * 0.2 + 1 / 8 * 0.4)
    assert deadline.deadline == pytest.approx(0.225 + 4 * variation)


def test_unsteady_answers_lengthen_the_deadline_to_its_maximum() -> None:
    deadline = AdaptiveDeadline()
    for index in range(20):
        deadline.observe(0.01 if index % 2 else 3.0)
    assert deadline.deadline == 2.0
    assert deadline.round_trip == 0.5


@pytest.mark.parametrize(("minimum", "maximum"), [(0.0, 1.0), (2.0, 1.0)])
def test_limits_that_make_no_sense_are_refused(minimum: float, maximum: float) -> None:
    with pytest.raises(ValueError, match="minimum"):
        AdaptiveDeadline(minimum=minimum, maximum=maximum)
