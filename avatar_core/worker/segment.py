"""One segment of speech: what was received of it and not yet been handed to the player."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.int16]


class Ordinals:
    """Numbers the segments of one worker, from 1."""

    def __init__(self) -> None:
        self.latest = 0
        """The number given last; 0 before the first."""

    def next(self) -> int:
        """Give the next number."""
        self.latest += 1
        return self.latest


class Segment:
    """Speech, int16 mono at the worker's rate, filled as it arrives.

    Args:
        ordinal: Number of the segment in this worker, from 1; of a quiet one, that of the segment
            before it.
        sender: Identity of the participant that sends it in a stream, and gets its reports; None
            for live sound, about which nobody wants any.
        quiet: Live sound between two segments of speech: played, and nothing is said.
    """

    def __init__(self, *, ordinal: int, sender: str | None, quiet: bool = False) -> None:
        self.ordinal = ordinal
        self.sender = sender
        self.quiet = quiet
        self.available = 0
        """Samples received and not taken."""
        self.ended = False
        """Nothing more will be appended."""
        self.unplayable = False
        """The stream could not be understood; none of it will be heard."""
        self.cleared = False
        """The sender cut it off; what still arrives is dropped."""
        self.on_change: Callable[[], None] | None = None
        """Called when samples were appended or the end was reached."""
        self._chunks: deque[Samples] = deque()

    def append(self, samples: Samples) -> None:
        """Add samples that arrived."""
        if self.ended or self.cleared or not samples.size:
            return
        self._chunks.append(samples)
        self.available += samples.size
        self._changed()

    def take(self, count: int) -> Samples:
        """Remove and return the next ``count`` samples; there must be that many."""
        parts: list[Samples] = []
        self.available -= count
        while count:
            chunk = self._chunks.popleft()
            if chunk.size > count:
                self._chunks.appendleft(chunk[count:])
                chunk = chunk[:count]
            parts.append(chunk)
            count -= chunk.size
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def end(self) -> None:
        """Mark the end of the stream."""
        if not self.ended:
            self.ended = True
            self._changed()

    def clear(self) -> None:
        """Drop what was received and whatever still arrives."""
        self.cleared = True
        self._chunks.clear()
        self.available = 0

    def _changed(self) -> None:
        if self.on_change is not None:
            self.on_change()
