"""One segment of speech, kept whole until it has been heard."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from livekit import rtc


class Segment:
    """What LiveKit captured between two flushes.

    Frames are kept as they came, ``userdata`` and all, so that the rest of a sentence can be
    said again by another end, or after a pause.
    """

    def __init__(self) -> None:
        self.frames: list[rtc.AudioFrame] = []
        self.pushed = 0.0
        """Seconds captured so far."""
        self.heard = 0.0
        """Seconds heard in runs that are over."""
        self.flushed = False
        """LiveKit has captured all of it."""
        self.cleared = False
        """LiveKit wants no more of it to be heard."""
        self.started = False
        """``playback_started`` has been reported."""
        self.played = False
        """An end is done with it."""
        self.cut_off = False
        """That end cut it off by itself."""
        self._changed = asyncio.Event()

    def append(self, frame: rtc.AudioFrame) -> None:
        """Take one more frame."""
        self.frames.append(frame)
        self.pushed += frame.duration
        self._changed.set()

    def flush(self) -> None:
        """Nothing follows."""
        self.flushed = True
        self._changed.set()

    async def frames_from(self, position: float) -> AsyncIterator[rtc.AudioFrame]:
        """Yield what lies behind a position, waiting for frames until the segment is flushed.

        Args:
            position: Seconds from the start of the segment.
        """
        passed = 0.0
        index = 0
        while True:
            while index < len(self.frames):
                frame = self.frames[index]
                index += 1
                begin, passed = passed, passed + frame.duration
                if passed <= position:
                    continue
                yield frame if begin >= position else _tail(frame, position - begin)
            if self.flushed:
                return
            self._changed.clear()
            await self._changed.wait()


def _tail(frame: rtc.AudioFrame, skip: float) -> rtc.AudioFrame:
    """The frame without its first ``skip`` seconds."""
    first = min(round(skip * frame.sample_rate), frame.samples_per_channel)
    samples = frame.data[first * frame.num_channels :]
    return rtc.AudioFrame(
        data=bytes(samples),
        sample_rate=frame.sample_rate,
        num_channels=frame.num_channels,
        samples_per_channel=frame.samples_per_channel - first,
        userdata=dict(frame.userdata),
    )
