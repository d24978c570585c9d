"""How long an answer may take, learned from those that came."""

from __future__ import annotations

_SMOOTHING = 1 / 8
_VARIATION_SMOOTHING = 1 / 4
_VARIATIONS = 4.0
_FIRST_GUESS = 0.25
_LARGEST_ROUND_TRIP = 0.5


class AdaptiveDeadline:
    """Smoothed round trip and deadline as RFC 6298 has them, within limits.

    Args:
        minimum: Seconds that an answer is given at least.
        maximum: Seconds that it is given at most.
    """

    def __init__(self, *, minimum: float = 0.25, maximum: float = 2.0) -> None:
        if not 0 < minimum <= maximum:
            raise ValueError(f"need 0 < minimum <= maximum, got {minimum} and {maximum}")
        self._minimum = minimum
        self._maximum = maximum
        self._smoothed: float | None = None
        self._variation = 0.0

    @property
    def round_trip(self) -> float:
        """Smoothed round trip in seconds; a guess before the first answer, half a second at most.

        What is longer is a queue and not a distance: bulk data ahead of a small call held it up
        for a second, and a judgement must not wait for two of those.
        """
        smoothed = _FIRST_GUESS if self._smoothed is None else self._smoothed
        return min(smoothed, _LARGEST_ROUND_TRIP)

    @property
    def deadline(self) -> float:
        """Seconds after which an answer counts as late."""
        if self._smoothed is None:
            return min(max(1.0, self._minimum), self._maximum)
        wanted = self._smoothed + _VARIATIONS * self._variation
        return min(max(wanted, self._minimum), self._maximum)

    def observe(self, round_trip: float) -> None:
        """Learn from an answer.

        Args:
            round_trip: Seconds from question to answer.
        """
        if self._smoothed is None:
            self._smoothed, self._variation = round_trip, round_trip / 2
            return
        error = abs(self._smoothed - round_trip)
        self._variation += _VARIATION_SMOOTHING * (error - self._variation)
        self._smoothed += _SMOOTHING * (round_trip - self._smoothed)
