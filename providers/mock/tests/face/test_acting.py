from __future__ import annotations

import pytest

from avatar_provider_mock.face.acting import Actor
from avatar_provider_mock.face.expression import (
    Expression,
    brow_weights,
    eye_weights,
    mouth_weights,
)
from avatar_provider_mock.face.visemes import Mouth

CLOSED = Mouth()


def play(
    actor: Actor,
    seconds: float,
    *,
    start: float = 0.0,
    state: str | None = None,
    mouth: Mouth = CLOSED,
) -> list[Expression]:
    return [
        actor.act(time=start + index / 25, state=state, mouth=mouth)
        for index in range(round(seconds * 25))
    ]


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


def test_a_listener_looks_at_the_viewer_with_attentive_brows() -> None:
    acted = play(Actor(seed=1), 20, state="listening")[50:]

    assert min(each.attentive for each in acted) > 0.95
    assert mean([abs(each.gaze[0]) for each in acted]) < 0.1


def test_a_listener_nods_now_and_then() -> None:
    listening, calm = play(Actor(seed=1), 30, state="listening"), play(Actor(seed=1), 30)
    lowest = sorted(each.nod for each in listening)[-20:]

    assert mean(lowest) > max(each.nod for each in calm) + 0.5


def test_a_thinker_looks_up_and_aside() -> None:
    acted = play(Actor(seed=1), 10, state="thinking")[50:]

    assert mean([each.gaze[1] for each in acted]) < -0.6
    assert mean([each.gaze[0] for each in acted]) < -0.3
    assert acted[-1].thinking > 0.95
    assert acted[-1].mouth.press > 0.5


def test_attitudes_change_smoothly() -> None:
    actor = Actor(seed=2)
    acted = play(actor, 4) + play(actor, 4, start=4, state="thinking")
    acted += play(actor, 4, start=8, state="listening")

    for before, after in zip(acted, acted[1:], strict=False):
        assert abs(after.turn - before.turn) < 0.16
        assert abs(after.nod - before.nod) < 0.25  # less than a pixel


def test_an_interruption_raises_brows_and_eyes_then_settles() -> None:
    actor = Actor(seed=1)
    play(actor, 2, state="speaking", mouth=Mouth(open=0.8))
    actor.startle()
    shut = [actor.lips_shut]
    acted = play(actor, 2, start=2, state="listening")
    shut.append(actor.lips_shut)

    assert max(each.raised for each in acted[:5]) == 1.0
    assert max(each.wide for each in acted[:5]) == 1.0
    assert shut == [True, False]
    assert acted[30].raised < 0.5
    assert max(each.wide for each in acted[30:]) == 0.0


def test_no_one_blinks_in_the_moment_of_an_interruption() -> None:
    for seed in range(20):
        actor = Actor(seed=seed)
        play(actor, 1.0 + seed / 10)
        actor.startle()
        assert max(each.blink for each in play(actor, 0.5, start=1.0 + seed / 10)) == 0.0


def test_blinks_come_at_irregular_times() -> None:
    starts = []
    before = 0.0
    for index, each in enumerate(play(Actor(seed=4), 120)):
        if each.blink > 0 and before == 0:
            starts.append(index / 25)
        before = each.blink
    gaps = [b - a for a, b in zip(starts, starts[1:], strict=False)]

    assert 20 <= len(starts) <= 60
    assert max(gaps) < 8
    assert max(gaps) > 2 * min(gaps)


def test_a_stalled_clock_does_not_make_the_head_jump() -> None:
    actor = Actor(seed=1)
    before = play(actor, 2)[-1]
    after = actor.act(time=60.0, state=None, mouth=CLOSED)

    assert abs(after.turn - before.turn) < 0.2


@pytest.mark.parametrize(
    "mouth",
    [
        Mouth(),
        Mouth(open=1, wide=1),
        Mouth(open=0.3, wide=-1),
        Mouth(open=0.7, hiss=1),
        Mouth(open=0.7, hiss=0.8, bite=0.8, press=0.8),
    ],
)
def test_the_weights_of_a_mouth_add_up(mouth: Mouth) -> None:
    weights = mouth_weights(mouth)

    assert sum(weights.values()) == pytest.approx(1.0)
    assert min(weights.values()) >= 0


def test_the_weights_of_eyes_and_brows_add_up_whatever_is_acted() -> None:
    actor = Actor(seed=1)
    acted = play(actor, 5, state="thinking")
    actor.startle()
    acted += play(actor, 5, start=5, state="listening")

    for each in acted:
        for weights in (eye_weights(each), brow_weights(each)):
            assert sum(weights.values()) == pytest.approx(1.0)
            assert min(weights.values()) >= -1e-9
