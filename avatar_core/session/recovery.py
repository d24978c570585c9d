"""When and where to start again after an avatar was lost."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence

from avatar_core.session.provider_slot import ProviderSlot

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
"""Seconds between two rounds of starts; the pause doubles from the first one."""

JITTER = 0.25
"""Share of a pause by which it varies: calls that lost one vendor must not come back as one."""


class CandidateRing:
    """The candidates of a call as one ring: after the one that failed comes the next.

    Args:
        slots: The candidates, in failover order.
    """

    def __init__(self, slots: Sequence[ProviderSlot]) -> None:
        self._slots = list(slots)
        self._at = 0
        self._uses: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._slots)

    @property
    def is_last(self) -> bool:
        """Nobody stands behind the one last used."""
        return self._at == len(self._slots) - 1

    def use(self, slot: ProviderSlot) -> None:
        """Note which one is used now; one that is not among them gets its place after the last."""
        for number, each in enumerate(self._slots):
            if each.options is slot.options:
                self._at = number
                return
        self._at = min(self._at + 1, len(self._slots))
        self._slots.insert(self._at, slot)

    def original(self, slot: ProviderSlot) -> ProviderSlot:
        """Return the candidate that a slot was made ready from."""
        return next((each for each in self._slots if each.options is slot.options), slot)

    def strike(self, slot: ProviderSlot) -> None:
        """Never try this one again: it cannot work as it is configured."""
        self.use(slot)
        del self._slots[self._at]
        self._at -= 1

    def following(self) -> ProviderSlot:
        """Return the next one, ready for a start."""
        self._at = (self._at + 1) % len(self._slots)
        return self.again()

    def again(self) -> ProviderSlot:
        """Return the one last used, ready for another start."""
        return self.fresh(self._slots[self._at])

    def fresh(self, slot: ProviderSlot) -> ProviderSlot:
        """Return a candidate ready for a start of its own.

        Its avatar gets an identity that no other had in this call: the one before may still be
        listed in the room, or come back to it, and one identity cannot be in a room twice.
        """
        self._uses[slot.identity] += 1
        number = self._uses[slot.identity]
        return slot if number == 1 else slot.successor(number)


def pauses(candidates: int) -> Iterator[float]:
    """Yield the seconds to wait before each start after a loss.

    Another candidate is tried at once; the same one again, and each further round, after a pause
    that doubles and varies.

    Args:
        candidates: How many there are.
    """
    pause = FIRST_PAUSE
    while True:
        for _ in range(candidates - 1):
            yield 0.0
        yield pause * random.uniform(1 - JITTER, 1 + JITTER)
        pause = min(pause * 2, LONGEST_PAUSE)
