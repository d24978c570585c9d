"""How long nothing came over the agent's own connection, all in all."""

from __future__ import annotations

import pytest

from avatar_core.liveness.own_link import OwnLink


class Link:
    """A connection that is looked at ten times a second."""

    def __init__(self) -> None:
        self.own = OwnLink()
        self._now = 0.0
        self._packets = 0

    def lives(self, seconds: float) -> None:
        self._run(seconds, packets=5)

    def is_cut(self, seconds: float) -> None:
        self._run(seconds, packets=0)

    def reconnects(self, seconds: float) -> None:
        self._run(seconds, packets=0, connected=False)

    def is_not_looked_at(self, seconds: float) -> None:
        self._run(seconds, packets=None)

    def _run(self, seconds: float, *, packets: int | None, connected: bool = True) -> None:
        for _ in range(round(seconds * 10)):
            self._now += 0.1
            self._packets += packets or 0
            read = None if packets is None else self._packets
            self.own.update(now=self._now, connected=connected, packets=read)


@pytest.fixture
def link() -> Link:
    made = Link()
    made.lives(2)
    return made


def test_a_connection_that_lives_is_never_held_up(link: Link) -> None:
    link.is_cut(0.6)
    link.lives(60)
    assert link.own.held_up == 0


def test_a_cut_counts_while_it_lasts_and_once_it_is_over(link: Link) -> None:
    link.is_cut(3)
    assert link.own.held_up == pytest.approx(3, abs=0.15)
    link.is_cut(2)
    link.lives(5)
    assert link.own.held_up == pytest.approx(5, abs=0.15)
    link.is_cut(2)
    link.lives(5)
    assert link.own.held_up == pytest.approx(7, abs=0.3)


def test_a_connection_that_is_made_anew_was_held_up_meanwhile(link: Link) -> None:
    link.is_cut(2)
    link.reconnects(3)
    link.lives(5)
    assert link.own.held_up == pytest.approx(5, abs=0.15)


def test_what_was_not_looked_at_says_nothing(link: Link) -> None:
    link.is_not_looked_at(60)
    link.lives(5)
    assert link.own.held_up == 0
