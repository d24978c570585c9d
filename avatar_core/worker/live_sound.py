"""Sound that arrives live, frame by frame: played as it comes, never far behind."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

import numpy as np
from livekit import rtc

from avatar_core.log import logger
from avatar_core.worker.decoder import SpeechDecoder
from avatar_core.worker.playback import SpeechPlayer
from avatar_core.worker.segment import Ordinals, Samples, Segment

LATEST = 0.2
"""Seconds that live sound may be behind its arrival; older sound is dropped."""

_LATEST_IN_PAUSE = 0.1  # where dropping costs nothing, a delay that has come about goes again
_TICK = 0.01  # what is looked at and dropped at a time, and what the player plays at a time
_LOUD = 200  # peak of a tick, int16, from which on somebody speaks
_PAUSE = 0.5  # seconds that are not loud until it is a pause between two segments
_ENDED = 0.5  # seconds without a frame until the source counts as ended


class LiveSound:
    """Cuts live sound into segments, and hands them to the player as they come.

    What is loud, with half a second behind it, is a segment of speech; what is between is played
    as well, as a segment that nobody takes for speech. Nobody is told how any of it was played.

    Args:
        player: Plays it. A stream that it has goes first: live sound is dropped meanwhile.
        rate: Rate of the player in Hz.
        ordinals: Numbers of the worker's segments.
        speech_received: Called with speech as it arrives.
    """

    def __init__(
        self,
        *,
        player: SpeechPlayer,
        rate: int,
        ordinals: Ordinals,
        speech_received: Callable[[Samples], None],
    ) -> None:
        self._player = player
        self._rate = rate
        self._tick = round(rate * _TICK)
        self._ordinals = ordinals
        self._speech_received = speech_received
        self._form: tuple[int, int] | None = None
        self._decoder: SpeechDecoder | None = None
        self._rest: Samples = np.empty(0, dtype=np.int16)  # less than a tick
        self._segment: Segment | None = None
        self._silent_ticks = 0
        self._arrived = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._has_dropped = False

    def push(self, frame: rtc.AudioFrame) -> None:
        """Play a frame that has just arrived.

        Raises:
            UnplayableStreamError: Its rate or number of channels is out of range.
        """
        samples = np.concatenate((self._rest, self._decode(frame)))
        whole = samples.size - samples.size % self._tick
        self._rest = samples[whole:]
        loop = asyncio.get_running_loop()
        self._arrived = loop.time()
        if self._timer is None:
            self._timer = loop.call_later(_ENDED, self._end_if_over)
        if not self._player.has_stream():
            for begin in range(0, whole, self._tick):
                self._play(samples[begin : begin + self._tick])

    def end(self) -> None:
        """End what is under way: no more comes, or something else is to be played."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        segment, self._segment = self._segment, None
        if segment is not None:
            segment.append(self._rest)
            segment.end()
        self._form = self._decoder = None
        self._rest = self._rest[:0]

    def _decode(self, frame: rtc.AudioFrame) -> Samples:
        form = (frame.sample_rate, frame.num_channels)
        if self._decoder is None or form != self._form:
            attributes = {"sample_rate": str(form[0]), "num_channels": str(form[1])}
            self._decoder = SpeechDecoder(attributes=attributes, output_rate=self._rate)
            self._form = form
        return self._decoder.push(bytes(frame.data))

    def _play(self, tick: Samples) -> None:
        loud = max(int(tick.max()), -int(tick.min())) >= _LOUD
        self._silent_ticks = 0 if loud else self._silent_ticks + 1
        segment = self._segment
        if segment is None or segment.cleared:
            segment = self._open(quiet=not loud)
        elif not segment.quiet and self._silent_ticks * _TICK >= _PAUSE:
            segment.end()
            segment = self._open(quiet=True)
        elif segment.quiet and loud:
            segment.end()
            segment = self._open(quiet=False)
        segment.append(tick)
        if not segment.quiet:
            self._speech_received(tick)
        late = self._player.behind() - (_LATEST_IN_PAUSE if segment.quiet else LATEST)
        if late > 0:
            self._player.skip(math.ceil(late / _TICK) * self._tick)
            if not segment.quiet and not self._has_dropped:
                self._has_dropped = True  # once: what is too slow stays too slow
                logger.warning("live sound came later than it can be played; the oldest is dropped")

    def _open(self, *, quiet: bool) -> Segment:
        ordinal = self._ordinals.latest if quiet else self._ordinals.next()
        segment = self._segment = Segment(ordinal=ordinal, sender=None, quiet=quiet)
        self._player.enqueue(segment)
        return segment

    def _end_if_over(self) -> None:
        loop = asyncio.get_running_loop()
        left = self._arrived + _ENDED - loop.time()
        if left <= 0:
            self.end()
        else:
            self._timer = loop.call_later(left, self._end_if_over)
