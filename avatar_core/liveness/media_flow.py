"""How steadily one of the avatar's tracks arrives."""

from __future__ import annotations

from collections import deque

from avatar_core.liveness.room_stats import TrackCount

STEADY_PACKETS = 8
"""Packets in the last second of what arrived from which on their absence says something at once;
Opus sends two or three a second in silence."""

SOUND_FLOOR = 1e-6
"""Audio energy a second from which on something is heard: a peak of a thousandth, -60 dBFS."""

_FADED = 1e-3
"""The same compared with the loudest of the last two seconds, -30 dB: the patches go on for half a
second, and a few packets of silence still arrive meanwhile."""

_GAP_MEMORY = 10.0
_LOUDNESS_MEMORY = 2.0


class MediaFlow:
    """Follows the counters of one track, in judged time."""

    def __init__(self) -> None:
        self._count: TrackCount | None = None
        self._arrivals: deque[tuple[float, int]] = deque()
        self._gaps: deque[tuple[float, float]] = deque()
        self._rates: deque[tuple[float, float]] = deque()
        self.seen = False
        """Something of it has arrived at some time."""
        self.subscribed_at: float | None = None
        """Since when it is subscribed; None while it is not."""
        self.last: float | None = None
        """When its last packet arrived."""
        self.last_moment: float | None = None
        """The same as ``time.monotonic()``."""
        self.arrived = False
        """Something has arrived since the reading before."""
        self.louder = False
        """Sound has arrived since then, and is no silence."""

    def update(self, *, moment: float, now: float, before: float, count: TrackCount | None) -> None:
        """Take a reading.

        Args:
            moment: ``time.monotonic()``.
            now: Judged time.
            before: Judged time of the reading before it.
            count: The counters; None if the track is not subscribed.
        """
        previous, self._count = self._count, count
        self.arrived = self.louder = False
        if count is None:
            self.subscribed_at = None
            return
        if self.subscribed_at is None:
            self.subscribed_at = now
        # A counter that is smaller than before is another one: the track was subscribed anew.
        anew = previous is None or count.packets < previous.packets
        old_packets = 0 if anew or previous is None else previous.packets
        old_energy = 0.0 if anew or previous is None else previous.energy
        fresh = count.packets - old_packets
        if fresh == 0 or count.age is None:
            return
        self.louder = self._is_sound(count.energy - old_energy, now=now, before=before)
        self.arrived = self.seen = True
        self.last_moment = moment - count.age
        arrived = max(before, now - count.age)
        if self.last is not None and not anew:
            # How long it had been missing at the reading before, and until the next one came.
            gap = max(0.0, before - self.last) + (arrived - self.last) / fresh
            self._gaps.append((now, min(gap, arrived - self.last)))
        self._note(arrived, now=now, fresh=fresh)

    def _is_sound(self, energy: float, *, now: float, before: float) -> bool:
        """Tell sound from the fading patches that a receiver plays for sound that is lost."""
        seconds = now - before
        if seconds <= 0:
            return energy > 0
        rate = energy / seconds
        while self._rates and self._rates[0][0] < now - _LOUDNESS_MEMORY:
            self._rates.popleft()
        floor = max([SOUND_FLOOR, *(_FADED * each for _, each in self._rates)])
        self._rates.append((now, rate))
        return rate > floor

    def _note(self, arrived: float, *, now: float, fresh: int) -> None:
        self.last = arrived
        self._arrivals.append((arrived, fresh))
        while self._arrivals[0][0] < arrived - 1.0:
            self._arrivals.popleft()
        while self._gaps and self._gaps[0][0] < now - _GAP_MEMORY:
            self._gaps.popleft()

    @property
    def flows(self) -> bool:
        """It is subscribed, and something of it has arrived since."""
        since = self.subscribed_at
        return since is not None and self.last is not None and self.last >= since

    @property
    def steady(self) -> bool:
        """Packets came one after the other up to the last one."""
        return sum(packets for _, packets in self._arrivals) >= STEADY_PACKETS

    @property
    def longest_gap(self) -> float:
        """The longest time between packets lately, about, in seconds."""
        return max((gap for _, gap in self._gaps), default=0.0)
