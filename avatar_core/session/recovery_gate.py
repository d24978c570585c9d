"""Whether somebody may be brought in for an avatar that was lost, and what is owed when not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


class RecoveryGate:
    """Closed while the avatar is changed by hand, rests, or the call is over.

    Args:
        otherwise: Brings somebody in where nothing in particular is owed.
    """

    def __init__(self, *, otherwise: Callable[[], None]) -> None:
        self._otherwise = otherwise
        self._changes = 0
        self._owed: Callable[[], None] | None = None
        self.resting = False
        """Nobody is wanted for the time being, unless somebody is asked for by hand."""
        self.stopped = False
        """Nobody is wanted any more."""

    @property
    def is_open(self) -> bool:
        """Who is there may be given the word."""
        return not (self.stopped or self._changes)

    @contextmanager
    def changed_by_hand(self) -> Iterator[None]:
        """Keep it closed meanwhile."""
        self._changes += 1
        try:
            yield
        finally:
            self._changes -= 1

    def bring_in(self, recover: Callable[[], None]) -> None:
        """Do it now, or when the gate opens.

        Args:
            recover: Begins to bring somebody in.
        """
        if self.is_open:
            recover()
        else:
            self._owed = recover

    def bring_in_what_is_owed(self) -> None:
        """Bring somebody in behind a change, or a rest."""
        if self.is_open and not self.resting:
            owed, self._owed = self._owed or self._otherwise, None
            owed()

    def forget(self) -> None:
        """Owe nobody: somebody else has the word."""
        self._owed = None
