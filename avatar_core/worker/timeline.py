"""What was handed to the native audio queue, and when each sample of it is played."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from avatar_core.worker.segment import Samples, Segment

_HISTORY = 1.0  # seconds kept after they were played, for pictures that lag behind the sound


@dataclass(slots=True)
class _Piece:
    start: float
    samples: Samples
    segment: Segment
    offset: int  # samples of the segment before this piece


class Timeline:
    """Follows a native audio queue by the clock.

    The native source plays 10 ms every 10 ms, from the next tick on if its queue was empty, and
    silence when it has nothing; so a queue's end is known from what was pushed and when. (The
    queue length that livekit's AudioSource reports is an estimate too, and drifts when the event
    loop stalls.)

    Args:
        rate: Sample rate in Hz.
    """

    def __init__(self, *, rate: int) -> None:
        self._rate = rate
        self._pieces: deque[_Piece] = deque()
        self._end = float("-inf")
        self._pushed: dict[Segment, int] = {}

    @property
    def end(self) -> float:
        """When the queue runs out, on the clock of the caller."""
        return self._end

    def push(self, now: float, segment: Segment, samples: Samples, padding: int) -> float:
        """Note samples that are being queued, followed by ``padding`` samples of silence.

        Returns:
            When the first of them is played.
        """
        self._forget(now)
        start = max(now, self._end)
        offset = self._pushed.get(segment, 0)
        self._pieces.append(_Piece(start, samples, segment, offset))
        self._pushed[segment] = offset + samples.size
        self._end = start + (samples.size + padding) / self._rate
        return start

    def cut(self, now: float) -> None:
        """Note that the queue was emptied: what was not played never will be."""
        while self._pieces and self._pieces[-1].start >= now:
            piece = self._pieces.pop()
            self._pushed[piece.segment] -= piece.samples.size
        if self._pieces:
            last = self._pieces[-1]
            kept = round((now - last.start) * self._rate)
            if kept < last.samples.size:
                self._pushed[last.segment] -= last.samples.size - kept
                last.samples = last.samples[:kept]
        self._end = min(self._end, now)

    def heard(self, now: float, segment: Segment) -> float:
        """Seconds of the segment played until ``now``."""
        played = self._pushed.get(segment, 0)
        for piece in reversed(self._pieces):
            ahead = piece.start + piece.samples.size / self._rate - now
            if ahead <= 0:
                break
            if piece.segment is segment:
                played -= min(piece.samples.size, round(ahead * self._rate))
        return max(played, 0) / self._rate

    def forget(self, segment: Segment) -> None:
        """Drop the count of a segment that is over."""
        self._pushed.pop(segment, None)

    def at(self, time: float) -> tuple[Segment, float] | None:
        """The segment whose sample is played at ``time``, and the seconds of it before that."""
        for piece in reversed(self._pieces):
            if piece.start <= time:
                inside = min(round((time - piece.start) * self._rate), piece.samples.size)
                return piece.segment, (piece.offset + inside) / self._rate
        return None

    def window(self, start: float, duration: float) -> Samples:
        """Samples played in a stretch of time; gaps are silence, and no sound at all is empty."""
        count = round(duration * self._rate)
        window: Samples | None = None
        for piece in self._pieces:
            first = round((piece.start - start) * self._rate)
            source, target = max(-first, 0), max(first, 0)
            length = min(piece.samples.size - source, count - target)
            if length <= 0:
                continue
            if window is None:
                window = np.zeros(count, dtype=np.int16)
            window[target : target + length] = piece.samples[source : source + length]
        return np.empty(0, dtype=np.int16) if window is None else window

    def _forget(self, now: float) -> None:
        while self._pieces:
            first = self._pieces[0]
            if first.start + first.samples.size / self._rate > now - _HISTORY:
                return
            self._pieces.popleft()
