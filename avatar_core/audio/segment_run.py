"""One stretch of a segment, played by one end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from livekit import rtc
from livekit.agents.voice.io import (
    PlaybackFinishedEvent,
    PlaybackProgressedEvent,
    PlaybackStartedEvent,
)

from avatar_core.audio.audio_end import AudioEnd, heard_since
from avatar_core.audio.segment import Segment
from avatar_core.audio.speech_progress import SpeechProgress, SpeechUnderWay
from avatar_core.log import logger

OWED_SECONDS = 5.0
"""Seconds for which a report that was given up on is told from one of the next stretch."""

FAILURE_GRACE = 0.2
"""Seconds for an output that failed to say how far it got; one that is dead says nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """How a run ended.

    Args:
        position: Seconds of the segment heard so far, this run included.
        complete: The end played all it was given, or gave up by itself; nothing is left to say.
        interrupted: Complete, but cut off by the end itself.
        failed: The end could not be fed; it is not to be asked again for this segment.
    """

    position: float
    complete: bool
    interrupted: bool = False
    failed: bool = False


class SegmentRun:
    """Feeds a segment to an end from where it was last heard, until it is played or stopped.

    Args:
        segment: The segment.
        end: The end that plays it.
        on_started: Called with the unix time at which the end began to play.
        on_progress: Called with started_at (unix time), offset and duration (seconds).
    """

    def __init__(
        self,
        *,
        segment: Segment,
        end: AudioEnd,
        on_started: Callable[[float], None],
        on_progress: Callable[[float, float, float], None],
    ) -> None:
        self.segment = segment
        self.end = end
        self.base = segment.heard
        self._on_started = on_started
        self._on_progress = on_progress
        self._fed = 0.0
        self._speech = SpeechProgress()
        self._started_at: float | None = None
        self._progressed = 0.0
        self._stopping = False
        self._failed_at: float | None = None
        self._flushed = False
        self._fed_whole = False
        self._segments_before = end.output.captured_playout_segments
        self._done: asyncio.Future[RunResult] = asyncio.get_running_loop().create_future()
        self._feed_task: asyncio.Task[None] | None = None
        self._give_up_timer: asyncio.TimerHandle | None = None

    @property
    def position(self) -> float:
        """Seconds of the segment heard so far, as far as can be told now."""
        return self.base + max(self._progressed, heard_since(self._started_at, self._fed))

    @property
    def speech(self) -> SpeechUnderWay | None:
        """What is being said now; None if nothing was fed, or all that was is over."""
        return None if self._is_over else self._speech.now(started_at=self._started_at)

    async def play(self) -> RunResult:
        """Feed the end and return when it has played everything or stopped."""
        output = self.end.output
        output.on("playback_started", self._handle_started)
        output.on("playback_progressed", self._handle_progress)
        output.on("playback_finished", self._handle_finished)
        self.end.say_rest_again = self.stop
        self._feed_task = asyncio.create_task(self._feed(), name="avatar-front-sink-feed")
        try:
            return await self._done
        finally:
            output.off("playback_started", self._handle_started)
            output.off("playback_progressed", self._handle_progress)
            output.off("playback_finished", self._handle_finished)
            self.end.say_rest_again = None
            if self._give_up_timer is not None:
                self._give_up_timer.cancel()
            if not self._feed_task.done():
                self._feed_task.cancel()
            await asyncio.wait([self._feed_task])

    def stop(self) -> None:
        """Stop the sound now; ``play`` returns once the end has said how far it got."""
        if self._is_over:
            return
        self._stopping = True
        if self._feed_task is not None:
            self._feed_task.cancel()
        if not self._end_has_audio:
            self._resolve(complete=False, position=self.base)
            return
        self._silence()
        self._give_up_timer = asyncio.get_running_loop().call_later(
            self.end.stop_timeout, self._give_up
        )

    def abandon(self, *, silent_since: float | None) -> None:
        """Ask the end nothing any more: it is gone, and how far it got is estimated.

        Args:
            silent_since: Unix time from which nothing of it was heard; None for now.
        """
        if self._done.done():
            return
        self._stopping = True
        if self._feed_task is not None:
            self._feed_task.cancel()
        heard = heard_since(self._started_at, self._fed, until=silent_since)
        position = self.base + max(self._progressed, heard)
        self._resolve(complete=False, position=min(position, self.segment.pushed))

    @property
    def _is_over(self) -> bool:
        return self._stopping or self._failed_at is not None or self._done.done()

    @property
    def _end_has_audio(self) -> bool:
        return self.end.output.captured_playout_segments > self._segments_before

    async def _feed(self) -> None:
        # Nothing a provider's own sink raises may reach LiveKit, or leave the pump waiting: a
        # failing end must not fail the agent's speech.
        try:
            await self._feed_whole()
        except asyncio.CancelledError as exc:
            if self._is_over:
                raise
            error = RuntimeError("an audio output cancelled what it was awaited for")
            error.__cause__ = exc
            self._fail(error)
        except Exception as exc:  # noqa: BLE001 - see above
            self._fail(exc)

    async def _feed_whole(self) -> None:
        if self.end.ready is not None:
            await self.end.ready()
        converter = self.end.converter()
        async for frame in self.segment.frames_from(self.base):
            for converted in converter.push(frame):
                await self._capture(converted)
        for converted in converter.flush():
            await self._capture(converted)
        self._flushed = self._fed_whole = True
        self.end.output.flush()
        if not self._end_has_audio:
            self._resolve(complete=True, position=self.segment.pushed)

    def _fail(self, error: Exception) -> None:
        """Silence the end and leave the rest of the segment unsaid, for another end to say."""
        if self._is_over:
            # It was told to stop: what it makes of that is no failure of the speech.
            logger.warning(
                "an audio output failed as it was stopped",
                extra={"end": self.end.name, "error_type": type(error).__name__},
            )
            return
        self._failed_at = self.position
        logger.error(
            "an audio output failed",
            extra={"end": self.end.name, "error_type": type(error).__name__},
            exc_info=error,
        )
        if self._end_has_audio:
            self._silence()
            self._give_up_timer = asyncio.get_running_loop().call_later(
                FAILURE_GRACE, self._resolve_failed
            )
        else:
            self._resolve_failed()
        if self.end.on_failure is not None:
            self.end.on_failure(error)

    def _resolve_failed(self) -> None:
        assert self._failed_at is not None
        self._resolve(complete=False, failed=True, position=self._failed_at)

    def _silence(self) -> None:
        try:
            if not self._flushed:
                self._flushed = True
                self.end.output.flush()
            self.end.output.clear_buffer()
        except Exception as exc:  # noqa: BLE001 - it is called by LiveKit, which must go on
            logger.error(
                "an audio output failed to be silent",
                extra={"end": self.end.name, "error_type": type(exc).__name__},
                exc_info=exc,
            )

    async def _capture(self, frame: rtc.AudioFrame) -> None:
        if frame.samples_per_channel and not self._is_over:
            await self.end.output.capture_frame(frame)
            self._fed += frame.duration
            self._speech.add(frame)

    def _handle_started(self, event: PlaybackStartedEvent) -> None:
        if self._started_at is None:
            self._started_at = event.created_at
            self._on_started(event.created_at)

    def _handle_progress(self, event: PlaybackProgressedEvent) -> None:
        self._progressed = max(self._progressed, event.offset + event.duration)
        self._on_progress(event.started_at, self.base + event.offset, event.duration)

    def _handle_finished(self, event: PlaybackFinishedEvent) -> None:
        if event.interrupted and not self._is_over and self._is_owed():
            return  # nobody has interrupted this stretch: it is the one before
        failed = self._failed_at is not None
        # A stopped end that ran dry in a gap of the TTS ends the segment uninterrupted too, but
        # more of it may still come.
        complete = not failed and (
            not self._stopping or (self._fed_whole and not event.interrupted)
        )
        # Resampling and rounding move the end by a few samples: what was played whole is whole.
        whole = complete and not event.interrupted
        position = self.segment.pushed if whole else self.base + event.playback_position
        self._resolve(
            complete=complete,
            interrupted=complete and event.interrupted,
            failed=failed,
            position=min(position, self.segment.pushed),
        )

    def _give_up(self) -> None:
        logger.warning(
            "an audio output did not say how far it got after it was cleared; its position is"
            " estimated from the clock",
            extra={"end": self.end.name, "waited_seconds": self.end.stop_timeout},
        )
        self.end.report_owed_until = time.monotonic() + OWED_SECONDS
        self._resolve(complete=False, position=self.position)

    def _is_owed(self) -> bool:
        """Tell whether a report of an earlier stretch may still come; it comes once."""
        owed_until, self.end.report_owed_until = self.end.report_owed_until, 0.0
        return time.monotonic() < owed_until

    def _resolve(
        self,
        *,
        complete: bool,
        position: float,
        interrupted: bool = False,
        failed: bool = False,
    ) -> None:
        if not self._done.done():
            self._done.set_result(
                RunResult(
                    position=position, complete=complete, interrupted=interrupted, failed=failed
                )
            )
