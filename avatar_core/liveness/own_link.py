"""Whether the agent's own connection lives: else the silence is not the avatar's."""

from __future__ import annotations

LONGEST_GAP = 0.7
"""Seconds without a packet after which the connection counts as interrupted. While the avatar is
silent the answers to our own calls arrive: one at least for every two, 0.1 s apart."""

FRESH = 0.45
"""Seconds for which a packet shows that the connection lives now."""


class OwnLink:
    """Follows how many packets of any kind have arrived, in judged time."""

    def __init__(self) -> None:
        self._packets: int | None = None
        self._read_at: float | None = None
        self.since: float | None = None
        """From when on packets have come without a long gap; None if they do not."""
        self.last: float | None = None
        """When the last of them had arrived at the latest reading before it was seen."""
        self._looked_at: float | None = None
        self._held_up = self._still = 0.0

    @property
    def held_up(self) -> float:
        """Seconds, all in all, in which nothing came though it was looked for."""
        return self._held_up + (self._still if self._still > LONGEST_GAP else 0.0)

    def update(self, *, now: float, connected: bool, packets: int | None) -> None:
        """Take a reading.

        Args:
            now: Judged time.
            connected: What the room says of its connection.
            packets: All that have arrived; None if it could not be read.
        """
        self._add_up(now=now, connected=connected, packets=packets)
        if not connected:
            self._packets = self._read_at = self.since = self.last = None
            return
        if packets is None:
            self._expire(now)
            return
        previous, read_at = self._packets, self._read_at
        self._packets, self._read_at = packets, now
        if previous is None or read_at is None:
            return
        if packets != previous:
            self._expire(read_at)
            # It came at some time since the last reading: counted as early as can be.
            self.last = read_at
            if self.since is None:
                self.since = now
        self._expire(now)

    def lives(self, *, now: float, after: float) -> bool:
        """Tell whether packets came after a moment, and until about now.

        Args:
            now: Judged time.
            after: Judged time.
        """
        if self.since is None or self.last is None:
            return False
        return self.last >= after and now - self.last <= FRESH

    def _add_up(self, *, now: float, connected: bool, packets: int | None) -> None:
        elapsed = 0.0 if self._looked_at is None else now - self._looked_at
        self._looked_at = now
        if not connected or packets == self._packets is not None:
            self._still += elapsed
        elif packets is not None:
            self._held_up, self._still = self.held_up, 0.0

    def _expire(self, now: float) -> None:
        if self.last is not None and now - self.last > LONGEST_GAP:
            self.since = self.last = None
