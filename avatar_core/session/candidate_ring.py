"""The candidates of a call: who is used, and who comes next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from avatar_core.session.provider_slot import ProviderSlot


class CandidateRing:
    """The candidates of a call as one ring: after the one that failed comes the next."""

    def __init__(self) -> None:
        self._slots: list[ProviderSlot] = []
        self._at = 0
        self._uses: Counter[str] = Counter()
        self._base: dict[str, str] = {}

    def fill(self, slots: Sequence[ProviderSlot]) -> None:
        """Take the candidates, in failover order."""
        self._slots = list(slots)

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
        # One that was switched to stands in the ring with the identity it got then.
        base = self._base.get(slot.identity, slot.identity)
        self._uses[base] += 1
        number = self._uses[base]
        fresh = slot if number == 1 else replace(slot, identity=base).successor(number)
        self._base[fresh.identity] = base
        return fresh
