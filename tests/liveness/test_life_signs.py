"""What counts as a loss and what does not, on a clock of the test's own."""

from __future__ import annotations

import random

import pytest

from tests.liveness.played_call import PlayedCall


def test_a_healthy_avatar_is_not_lost() -> None:
    assert PlayedCall().run(120) is None


def test_a_dead_avatar_is_lost_within_half_a_second_of_its_last_packet() -> None:
    call = PlayedCall()
    assert call.run(5) is None
    died = call.now
    call.alive = False
    loss = call.run(3)
    assert loss is not None
    assert loss.kind == "dead"
    assert call.now - died <= 0.5 + 1e-6
    assert loss.heard_until == pytest.approx(died)


def test_a_distant_avatar_is_given_two_round_trips_more() -> None:
    call = PlayedCall(round_trip=0.3)
    call.run(5)
    died = call.now
    call.alive = False
    assert call.run(3) is not None
    assert 0.9 <= call.now - died <= 1.2


def test_an_avatar_whose_packets_come_unsteadily_is_given_twice_its_longest_gap() -> None:
    call = PlayedCall()
    call.run(3)
    call.alive = False
    assert call.run(0.3) is None
    call.alive = True
    assert call.run(3) is None
    died = call.now
    call.alive = False
    assert call.run(3) is not None
    assert 0.6 <= call.now - died <= 0.95


def test_a_silent_avatar_that_dies_is_found_by_its_missing_answers_alone() -> None:
    call = PlayedCall(speaking=False, subscribed=False)
    assert call.run(30) is None
    died = call.now
    call.alive = False
    loss = call.run(5)
    assert loss is not None
    assert loss.kind == "dead"
    assert call.now - died <= 2.0


def test_answers_that_are_held_up_are_no_loss_while_media_comes() -> None:
    call = PlayedCall()
    call.run(3)
    call.answers = False
    assert call.run(60) is None


def test_a_second_without_answers_is_no_loss_where_no_media_is_received() -> None:
    call = PlayedCall(speaking=False, subscribed=False)
    call.run(3)
    for _ in range(20):
        call.answers = False
        assert call.run(1.2) is None
        call.answers = True
        assert call.run(1.0) is None


def test_media_that_stops_is_no_loss_while_answers_come() -> None:
    call = PlayedCall(watch_video=False, audible_share=0.0, has_video=False)
    call.run(3)
    call.audio.per_second = 0
    assert call.run(30) is None


def test_nothing_is_said_against_the_avatar_while_the_own_connection_is_dead() -> None:
    call = PlayedCall()
    call.run(3)
    call.link = False
    assert call.run(5) is None
    call.link = True
    assert call.run(30) is None


def test_an_avatar_that_died_in_a_cut_is_lost_soon_after_it() -> None:
    call = PlayedCall()
    call.run(3)
    call.link = call.alive = False
    assert call.run(5) is None
    call.link = True
    healed = call.now
    loss = call.run(10)
    assert loss is not None
    assert loss.kind == "dead"
    assert 0.35 <= call.now - healed <= 2.0


def test_packets_that_come_now_and_then_are_no_living_connection() -> None:
    call = PlayedCall()
    call.run(3)
    call.alive = False
    for _ in range(10):
        call.link = True
        assert call.step() is None
        call.link = False
        assert call.run(0.9) is None


def test_nothing_is_said_while_the_room_reconnects_and_judgement_begins_anew_after_it() -> None:
    call = PlayedCall()
    call.run(3)
    call.alive = call.connected = False
    assert call.run(10) is None
    call.connected = True
    back = call.now
    assert call.run(10) is not None
    assert call.now - back >= 0.35


@pytest.mark.parametrize("stall", [0.5, 2.0, 30.0])
def test_a_stall_of_the_agents_own_loop_is_not_held_against_the_avatar(stall: float) -> None:
    call = PlayedCall()
    call.run(3)
    call.alive = False  # it seems so: nothing was read meanwhile
    call.lateness = stall
    assert call.step(stall + 0.1) is None
    call.lateness = 0.0
    call.alive = True
    assert call.run(10) is None


def test_an_avatar_that_dies_in_a_stall_was_heard_until_then() -> None:
    call = PlayedCall()
    call.run(3)
    died = call.now
    call.alive = False
    call.lateness = 2.0
    assert call.step(2.1) is None
    call.lateness = 0.0
    loss = call.run(5)
    assert loss is not None
    assert loss.heard_until == pytest.approx(died)


def test_counters_that_start_again_after_a_reconnect_are_growth() -> None:
    call = PlayedCall()
    for _ in range(10):
        assert call.run(3) is None
        call.audio.packets = call.audio.energy = call.video.packets = call.link_packets = 0
        call.audio.energy = 0.0


@pytest.mark.parametrize("seed", range(60))
def test_whatever_befalls_the_agent_a_living_avatar_is_not_lost(seed: int) -> None:
    chance = random.Random(seed)
    call = PlayedCall()
    assert call.run(3) is None
    for _ in range(12):
        trouble = chance.choice(["link", "connected", "answers", "late", "pause", "fine"])
        seconds = chance.uniform(0.1, 6.0)
        if trouble == "late":
            call.lateness = seconds
            assert call.step(seconds + 0.1) is None, (seed, trouble, seconds)
            call.lateness = 0.0
        else:
            call.link = trouble != "link"
            call.connected = trouble != "connected"
            call.answers = trouble != "answers"
            call.sounds = trouble != "pause"
            call.audible_share = 1.0 if call.sounds else 0.0
            assert call.run(seconds) is None, (seed, trouble, seconds)
        call.link = call.connected = call.answers = call.sounds = True
        call.audible_share = 1.0
        assert call.run(chance.uniform(0.1, 2.0)) is None, (seed, trouble, seconds)


@pytest.mark.parametrize("seed", range(60))
def test_whatever_went_before_a_loss_is_found(seed: int) -> None:
    chance = random.Random(seed)
    call = PlayedCall(round_trip=chance.uniform(0.0, 0.4))
    assert call.run(chance.uniform(1.5, 30.0)) is None
    kinds = {"alive": "dead", "sends_pictures": "frozen", "sounds": "deaf"}
    fault = chance.choice(sorted(kinds))
    setattr(call, fault, False)
    began = call.now
    loss = call.run(10)
    assert loss is not None
    assert loss.kind == kinds[fault]
    assert call.now - began <= 1.1 + 2 * call.round_trip
