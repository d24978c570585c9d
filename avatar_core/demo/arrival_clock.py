"""One time line for sound and pictures."""

from __future__ import annotations

from collections import deque

_WINDOW = 3.0


class ArrivalClock:
    """Places what a track delivers on the machine's clock.

    A track's own clock (samples counted, capture times) runs evenly but starts anywhere; the times
    of arrival are on the right clock but late whenever this process was busy. The smallest delay
    seen in the last seconds is that of an arrival that nothing held up, so the track's clock plus
    that delay is when the frame really came.
    """

    def __init__(self) -> None:
        self._delays: deque[tuple[float, float]] = deque()  # delays rise from left to right

    def place(self, media_time: float, *, arrived: float) -> float:
        """Return when a frame came, in seconds of the machine's clock.

        Args:
            media_time: The frame's time on its track's own clock, in seconds.
            arrived: ``time.monotonic()`` when it was received.
        """
        delay = arrived - media_time
        while self._delays and self._delays[-1][1] >= delay:
            self._delays.pop()
        self._delays.append((arrived, delay))
        while self._delays[0][0] < arrived - _WINDOW:
            self._delays.popleft()
        return media_time + self._delays[0][1]
