"""How long an avatar may take to begin, where it does not say when it does."""

from __future__ import annotations

from tests.liveness.played_call import PlayedCall


def _new_segment(call: PlayedCall, *, told: bool = False) -> None:
    call.segment += 1
    call.audible, call.sounds = 0.0, False
    call.start_lag = None if told else 1.8


def _spoken(call: PlayedCall, *, begins_after: float, seconds: float = 3.0) -> None:
    _new_segment(call)
    assert call.run(begins_after) is None
    call.sounds = True
    assert call.run(seconds) is None


def _heard_call() -> PlayedCall:
    call = PlayedCall(speaking=False)
    call.run(2)
    call.speaking = True
    return call


def test_the_first_words_are_waited_for_as_long_as_the_provider_says() -> None:
    call = _heard_call()
    _new_segment(call)
    assert call.run(1.8 + 0.7) is None
    loss = call.run(0.4)
    assert loss is not None
    assert loss.kind == "deaf"


def test_one_that_always_takes_long_to_begin_is_never_deaf() -> None:
    call = _heard_call()
    for _ in range(20):
        _spoken(call, begins_after=1.6)


def test_one_that_always_begins_at_once_is_deaf_soon_when_it_does_not() -> None:
    call = _heard_call()
    for _ in range(3):
        _spoken(call, begins_after=0.2)
    _new_segment(call)
    assert call.run(1.2) is None
    assert call.run(0.4) is not None


def test_how_long_it_takes_is_learned_of_starts_that_were_told_too() -> None:
    call = _heard_call()
    _new_segment(call, told=True)
    assert call.run(0.2) is None
    call.sounds = True
    assert call.run(3) is None
    _new_segment(call)
    assert call.run(1.2) is None
    assert call.run(0.4) is not None


def test_the_end_of_what_was_said_before_is_no_start() -> None:
    call = _heard_call()
    _spoken(call, begins_after=1.6)
    for _ in range(6):
        _new_segment(call)
        call.sounds = True
        assert call.run(0.2) is None
        call.sounds = False
        assert call.run(1.4) is None
        call.sounds = True
        assert call.run(3) is None


def test_one_that_falls_silent_in_mid_sentence_is_deaf_within_a_second() -> None:
    call = _heard_call()
    _spoken(call, begins_after=1.6)
    fell_silent = call.now
    call.sounds = False
    assert call.run(3) is not None
    assert call.now - fell_silent <= 1.1


def _interrupted(call: PlayedCall, *, silent: float) -> None:
    call.sounds = False
    assert call.run(silent) is None
    call.speaking = False
    assert call.run(0.3) is None
    call.speaking = True


def test_one_that_fell_silent_before_an_interruption_is_deaf_sooner_after_it() -> None:
    call = _heard_call()
    _spoken(call, begins_after=0.8)
    _interrupted(call, silent=0.8)
    _new_segment(call)
    began = call.now
    assert call.run(3) is not None
    assert call.now - began <= 0.8 + 1.5 * 0.8 + 0.3 - 0.5


def test_a_pause_of_its_own_before_an_interruption_is_no_deafness_of_the_next_sentence() -> None:
    call = _heard_call()
    _spoken(call, begins_after=0.8)
    for _ in range(5):
        _interrupted(call, silent=0.7)
        _spoken(call, begins_after=1.0)


def test_a_start_that_is_told_late_begins_the_waiting_anew() -> None:
    call = _heard_call()
    _new_segment(call)
    assert call.run(1.5) is None
    call.start_lag, call.audible = None, 0.0
    assert call.run(0.6) is None
    call.sounds = True
    assert call.run(5) is None


def test_a_word_that_is_heard_after_it_should_be_over_is_no_deafness() -> None:
    call = _heard_call()
    for _ in range(3):
        _new_segment(call)
        assert call.run(0.8) is None
        call.over, call.audible_share = True, 0.0
        assert call.run(0.7) is None
        call.sounds = True
        assert call.run(0.8) is None
        call.over, call.audible_share, call.sounds = False, 1.0, False
