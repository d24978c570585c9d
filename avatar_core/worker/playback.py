"""Plays segments in order and knows, to the sample, what of them was heard."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from livekit import rtc

from avatar_core.worker.segment import Samples, Segment
from avatar_core.worker.timeline import Timeline

_TICK = 0.01  # the native source plays 10 ms at a time and holds back a shorter rest
_REFILL = 0.04  # seconds to gather after speech ran dry, so one gap is not followed by many
_REFILL_PATIENCE = 0.1  # and how long to wait for them


class PlaybackListener(Protocol):
    """Who is told what the player does; called on the event loop, in the order of events."""

    def segment_started(self, segment: Segment) -> None:
        """The first sample of a segment is being played."""

    def segment_finished(self, segment: Segment, position: float, interrupted: bool) -> None:
        """A segment is over after ``position`` seconds; exactly once for each enqueued."""

    def fell_silent(self) -> None:
        """Speech was played to its end and none waits behind it."""


@dataclass(slots=True)
class _Playing:
    segment: Segment
    begins: float | None = None  # when its first sample is played; None: nothing pushed yet
    ends: float | None = None  # when its last sample has been played; None: more may come
    started: bool = False
    dry_since: float | None = None


@dataclass(frozen=True, slots=True)
class Heard:
    """What is heard in one stretch of time."""

    speaking: bool
    audio: Samples
    position: float
    segment: int


class SpeechPlayer:
    """Feeds an audio source from a queue of segments, a little ahead of what is heard.

    Args:
        source: Where the sound goes; its native queue must hold at least ``lookahead``.
        lookahead: Seconds of sound to keep in that queue.
        listener: Who is told.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        *,
        source: rtc.AudioSource,
        lookahead: float,
        listener: PlaybackListener,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source = source
        self._rate = source.sample_rate
        self._tick = round(self._rate * _TICK)
        self._lookahead = lookahead
        self._listener = listener
        self._clock = clock
        self._timeline = Timeline(rate=self._rate)
        self._playing: deque[_Playing] = deque()  # pushed in part at least; the last may go on
        self._waiting: deque[Segment] = deque()
        self._begun: deque[_Playing] = deque(maxlen=8)  # for pictures of what was just heard
        self._held = False
        self._wake = asyncio.Event()
        self._interruptions = 0

    def enqueue(self, segment: Segment) -> None:
        """Play a segment after all others, while it is still being received."""
        segment.on_change = self._wake.set
        self._waiting.append(segment)
        self._wake.set()

    def interrupt(self) -> bool:
        """Stop the sound now; every segment so far is finished, interrupted.

        Returns:
            Whether there was speech to interrupt.
        """
        now = self._clock()
        self._interruptions += 1
        self._announce(now)
        self._source.clear_queue()
        self._timeline.cut(now)
        unfinished = self._unfinished()
        self._playing.clear()
        self._waiting.clear()
        if self._begun and (self._begun[-1].ends is None or self._begun[-1].ends > now):
            self._begun[-1].ends = now
        for segment in unfinished:
            segment.clear()
            self._finish(segment, now, interrupted=True)
        self._wake.set()
        return any(not segment.quiet for segment in unfinished)

    def has_stream(self) -> bool:
        """Whether a segment that came by stream is being played or waits."""
        return any(segment.sender is not None for segment in self._unfinished())

    def behind(self) -> float:
        """Seconds until what would be enqueued now is heard."""
        waiting = sum(segment.available for segment in self._unfinished())
        return max(self._timeline.end - self._clock(), 0.0) + waiting / self._rate

    def skip(self, count: int) -> None:
        """Drop so many samples that were not pushed yet, the oldest first."""
        for segment in self._unfinished():
            dropped = min(count, segment.available)
            if dropped:
                segment.take(dropped)
                count -= dropped

    def heard(self, at: float, duration: float) -> Heard:
        """What is heard from ``at`` on, on the player's clock, for ``duration`` seconds."""
        audio = self._timeline.window(at, duration)
        current = self._timeline.at(at)
        if current is None:
            return Heard(False, audio, 0.0, 0)
        segment, position = current
        ends = self._end_of(segment)
        if segment.quiet or (ends is not None and ends <= at):
            return Heard(False, audio, 0.0, segment.ordinal)
        return Heard(True, audio, position, segment.ordinal)

    async def run(self) -> None:
        """Play until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            self._wake.clear()
            await self._feed()
            now = self._clock()
            self._announce(now)
            due = self._next_due(now)
            timer = None if due is None else loop.call_later(max(due - now, 0), self._wake.set)
            try:
                await self._wake.wait()
            finally:
                if timer is not None:
                    timer.cancel()

    def hold(self) -> None:
        """Play nothing until ``release``."""
        self._held = True

    def release(self) -> None:
        """Play what was held."""
        self._held = False
        self._wake.set()

    async def _feed(self) -> None:
        """Push until the queue is full enough or there is nothing to push."""
        while not self._held:
            now = self._clock()
            current = self._current()
            if current is None:
                return
            segment = current.segment
            ahead = max(self._timeline.end - now, 0.0)
            wanted = int((self._lookahead - ahead) * self._rate)
            count = min(segment.available, wanted)
            if not (segment.ended and count == segment.available):
                count -= count % self._tick
            if count <= 0 and not (segment.ended and not segment.available):
                return
            if count and ahead > self._lookahead / 2:
                return
            if count and self._is_refilling(current, now, ahead):
                return
            await self._push(current, now, count)

    async def _push(self, current: _Playing, now: float, count: int) -> None:
        segment = current.segment
        if count:
            samples = segment.take(count)
            padding = -count % self._tick
            begins = self._timeline.push(now, segment, samples, padding)
            if current.begins is None:
                current.begins = begins
        else:
            samples, padding = np.empty(0, dtype=np.int16), 0
        if segment.ended and not segment.available:
            current.ends = max(self._timeline.end - padding / self._rate, now)
        self._announce(now)
        if not count:
            return
        data = np.pad(samples, (0, padding)) if padding else np.ascontiguousarray(samples)
        interruptions = self._interruptions
        frame = rtc.AudioFrame(data.tobytes(), self._rate, 1, data.size)
        await self._source.capture_frame(frame)
        if interruptions != self._interruptions:
            # The native side takes a frame over on a thread of its own, perhaps only after the
            # queue was cleared: then this one would still be heard.
            self._source.clear_queue()

    def _current(self) -> _Playing | None:
        """The segment to push from, taking the next one if the last is pushed whole."""
        if self._playing and self._playing[-1].ends is None:
            return self._playing[-1]
        if not self._waiting:
            return None
        self._playing.append(_Playing(self._waiting.popleft()))
        return self._playing[-1]

    def _is_refilling(self, current: _Playing, now: float, ahead: float) -> bool:
        segment = current.segment
        # Live sound comes no faster than it is played, so it is gathered before it begins, too.
        if (current.begins is None and segment.sender is not None) or ahead > 0:
            current.dry_since = None
            return False
        if current.dry_since is None:
            current.dry_since = now
        enough = segment.available >= _REFILL * self._rate
        if segment.ended or enough or now - current.dry_since >= _REFILL_PATIENCE:
            current.dry_since = None
            return False
        return True

    def _next_due(self, now: float) -> float | None:
        """When something happens without new data: a start, an end, room in the queue."""
        due: list[float] = []
        if self._playing:
            head = self._playing[0]
            if not head.started and head.begins is not None:
                due.append(head.begins)
            if head.ends is not None:
                due.append(head.ends)
        current = self._playing[-1] if self._playing else None
        following = self._waiting[0] if self._waiting else None
        source = current.segment if current is not None and current.ends is None else following
        if source is not None and (source.available >= self._tick or source.ended):
            if current is not None and current.dry_since is not None:
                due.append(current.dry_since + _REFILL_PATIENCE)
            else:
                due.append(max(self._timeline.end - self._lookahead / 2, now))
        return min(due) if due else None

    def _announce(self, now: float) -> None:
        """Tell of every start and end that has come."""
        while self._playing:
            head = self._playing[0]
            if not head.started and head.begins is not None and head.begins <= now:
                head.started = True
                self._begun.append(head)
                self._listener.segment_started(head.segment)
            if head.ends is None or head.ends > now:
                return
            self._playing.popleft()
            self._finish(head.segment, now, interrupted=head.segment.unplayable)
            if not (head.segment.quiet or any(not rest.quiet for rest in self._unfinished())):
                self._listener.fell_silent()

    def _finish(self, segment: Segment, now: float, *, interrupted: bool) -> None:
        segment.on_change = None
        position = self._timeline.heard(now, segment)
        self._timeline.forget(segment)
        self._listener.segment_finished(segment, position, interrupted)

    def _unfinished(self) -> list[Segment]:
        return [*(playing.segment for playing in self._playing), *self._waiting]

    def _end_of(self, segment: Segment) -> float | None:
        for playing in (*self._playing, *self._begun):
            if playing.segment is segment:
                return playing.ends
        return float("-inf")
