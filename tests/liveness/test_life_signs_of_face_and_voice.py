"""A picture that stands still and speech that is not heard, on a clock of the test's own."""

from __future__ import annotations

import pytest

from tests.liveness.played_call import PlayedCall


def test_a_picture_that_stands_still_is_a_loss_and_the_sound_goes_on_until_now() -> None:
    call = PlayedCall()
    call.run(5)
    froze = call.now
    call.sends_pictures = False
    loss = call.run(5)
    assert loss is not None
    assert loss.kind == "frozen"
    assert 0.8 <= call.now - froze <= 1.0
    assert loss.heard_until == pytest.approx(call.now)


def test_a_still_picture_is_no_loss_if_nobody_watches_it() -> None:
    call = PlayedCall(watch_video=False)
    call.run(3)
    call.sends_pictures = False
    assert call.run(30) is None


def test_a_still_picture_is_no_loss_while_the_avatar_is_silent() -> None:
    call = PlayedCall(speaking=False)
    call.run(3)
    call.sends_pictures = False
    assert call.run(30) is None


def test_an_avatar_that_never_had_a_picture_is_not_frozen() -> None:
    call = PlayedCall()
    call.sends_pictures = False
    assert call.run(30) is None


def test_a_picture_is_given_time_to_begin_when_it_is_subscribed_again() -> None:
    call = PlayedCall()
    call.run(3)
    call.subscribed = call.speaking = False
    assert call.run(20) is None
    call.subscribed = call.speaking = True
    call.sends_pictures = False
    assert call.run(1.5) is None
    loss = call.run(5)
    assert loss is not None
    assert loss.kind == "frozen"


def test_an_avatar_that_plays_nothing_of_what_it_got_is_deaf() -> None:
    call = PlayedCall()
    call.run(5)
    fell_silent = call.now
    call.sounds = False
    loss = call.run(5)
    assert loss is not None
    assert loss.kind == "deaf"
    assert 0.8 <= call.now - fell_silent <= 1.1
    assert loss.heard_until == pytest.approx(fell_silent, abs=0.01)


def test_the_usual_lag_of_the_provider_is_added_before_it_counts_as_deaf() -> None:
    call = PlayedCall(lag=2.0, started=False)
    call.run(1)
    fell_silent = call.now
    call.segment, call.audible, call.sounds = 2, 0.0, False
    assert call.run(10) is not None
    assert call.now - fell_silent >= 2.8


def test_sound_that_is_over_before_the_late_reports_say_so_is_no_deafness() -> None:
    call = PlayedCall(lag=2.0, audible=-2.0)
    assert call.run(10) is None
    call.sounds = False
    assert call.run(2.0) is None


def test_the_lag_of_reports_that_are_in_time_delays_no_verdict() -> None:
    call = PlayedCall(lag=2.0)
    call.run(5)
    fell_silent = call.now
    call.sounds = False
    loss = call.run(5)
    assert loss is not None
    assert loss.kind == "deaf"
    assert call.now - fell_silent <= 1.2


def test_one_that_falls_silent_before_its_end_is_deaf_as_soon_as_it_should_be_over() -> None:
    call = PlayedCall(lag=2.0)
    call.run(2)
    call.sounds = False
    assert call.run(0.7) is None
    call.over, call.audible_share = True, 0.0
    loss = call.run(0.5)
    assert loss is not None
    assert loss.kind == "deaf"


def test_one_that_was_heard_to_its_end_may_say_so_late() -> None:
    call = PlayedCall(lag=2.0)
    call.run(4)
    call.sounds, call.over, call.audible_share = False, True, 0.0
    assert call.run(10) is None


def test_pauses_in_the_speech_are_no_deafness() -> None:
    call = PlayedCall()
    for _ in range(10):
        call.sounds, call.audible_share = True, 1.0
        assert call.run(2) is None
        call.sounds, call.audible_share = False, 0.0
        assert call.run(5) is None


def test_a_new_segment_is_given_its_own_time_to_begin() -> None:
    call = PlayedCall(lag=1.0)
    call.run(5)
    for segment in range(2, 20):
        call.segment, call.audible, call.sounds, call.started = segment, 0.0, False, False
        assert call.run(1.7) is None
        call.audible, call.sounds, call.started = 0.0, True, True
        assert call.run(1.0) is None


def test_silence_is_not_deafness_while_the_speech_itself_may_be_held_up() -> None:
    call = PlayedCall()
    call.run(5)
    call.sounds = call.answers = False
    assert call.run(1.0) is None
    assert call.run(20) is None


def test_an_avatar_whose_sound_was_never_received_is_not_deaf() -> None:
    call = PlayedCall()
    call.audio.per_second = 0
    assert call.run(30) is None


def test_a_track_that_the_agent_itself_does_not_get_is_no_deafness() -> None:
    call = PlayedCall()
    call.run(5)
    call.subscribed = False
    assert call.run(20) is None


def test_an_avatar_that_took_its_sound_away_in_a_pause_is_deaf_when_it_should_speak() -> None:
    call = PlayedCall()
    call.run(5)
    call.speaking = call.subscribed = call.published = False
    call.has_video = False
    assert call.run(20) is None
    call.speaking = True
    loss = call.run(5)
    assert loss is not None
    assert loss.kind == "deaf"


def test_of_an_avatar_that_is_deaf_from_the_start_nothing_was_heard() -> None:
    call = PlayedCall(speaking=False)
    call.run(5)
    call.speaking, call.sounds, call.lag = True, False, 1.0
    began = call.now
    loss = call.run(5)
    assert loss is not None
    assert loss.kind == "deaf"
    assert loss.heard_until <= began + 0.2


def test_patches_that_fade_for_sound_that_is_lost_do_not_count_as_heard() -> None:
    call = PlayedCall()
    call.run(5)
    fell_silent = call.now
    call.sounds = False
    energy = [5e-3, 3e-4, 2e-5, 1e-6]  # as measured, with packets of silence in between
    for each in energy:
        call.audio.energy += each * 0.1
        assert call.step() is None
    loss = call.run(5)
    assert loss is not None
    assert call.now - fell_silent <= 1.2
