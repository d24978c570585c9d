"""The leaf of the agent's audio chain: it takes all speech and never waits for an avatar."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from livekit import rtc
from livekit.agents.voice.io import AudioOutput, AudioOutputCapabilities

from avatar_core.audio.audio_end import AudioEnd
from avatar_core.audio.segment import Segment
from avatar_core.audio.segment_run import RunResult, SegmentRun
from avatar_core.audio.speech_progress import SpeechUnderWay
from avatar_core.contract.errors import SessionStateError
from avatar_core.log import logger
from avatar_core.timed_wait import event_within

UNHEARD_LIMIT = 60.0
"""Seconds of unheard speech above which ``capture_frame`` waits: a fast TTS pushes minutes."""

HEAD_START = 0.25
"""Seconds of unheard speech that are taken as fast as they come."""

BREATH = 0.0025
"""Seconds between further frames. A TTS that has a sentence ready keeps the event loop busy until
it has pushed it all, 60 ms for 4 s of speech with the transcript synchronizer: its beginning is
due now, and would be heard that much later."""


class FrontSink(AudioOutput):
    """Takes the agent's speech and plays it at one of its ends, segment by segment.

    It declares no sample rate, so LiveKit hands it every frame as it came; each end gets its own
    resampling. It can always pause: an end that cannot is cleared, and the rest of the segment
    is said from where it was last heard. The same is done when the end changes in mid-segment.

    Towards the chain it keeps LiveKit's rules: ``playback_started`` once a segment, whichever
    end speaks; ``playback_finished`` once, and never before the segment was flushed or cleared.
    """

    def __init__(self) -> None:
        super().__init__(
            label="AvatarFrontSink",
            capabilities=AudioOutputCapabilities(pause=True),
            sample_rate=None,
        )
        self._end: AudioEnd | None = None
        self._segments: deque[Segment] = deque()
        self._open: Segment | None = None
        self._run: SegmentRun | None = None
        self._paused = False
        self._closed = False
        self._changed = asyncio.Event()
        self._pump_task: asyncio.Task[None] | None = None
        self._on_idle: list[Callable[[], None]] = []
        self._begun: set[asyncio.Event] = set()
        self._next: tuple[AudioEnd, Callable[[], None], asyncio.Future[None]] | None = None
        self._entered = 0

    # --- what LiveKit calls ---------------------------------------------------------------------

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        """Keep a frame; waits only while more than ``UNHEARD_LIMIT`` seconds are unheard."""
        self._entered += 1
        try:
            await self._capture(frame)
        finally:
            self._entered -= 1
            self._tell_idle()

    async def _capture(self, frame: rtc.AudioFrame) -> None:
        # Before anything is counted: a capture cancelled here has not happened, for LiveKit's
        # wrappers have not counted it either.
        while self._must_wait():
            self._changed.clear()
            # Playback itself makes room, and nobody reports it while it goes on.
            await event_within(self._changed, 0.25)
        await asyncio.sleep(BREATH if self._is_ahead() else 0)
        await super().capture_frame(frame)
        if self._open is None:
            self._open = Segment()
            self._open.cleared = self._closed
            self._segments.append(self._open)
            for begun in self._begun:
                begun.set()
            self._wake()
        if self._open.cleared:
            return
        self._open.append(frame)
        self._wake()

    def flush(self) -> None:
        """End the current segment."""
        super().flush()
        segment, self._open = self._open, None
        if segment is not None:
            segment.flush()
            self._wake()

    def clear_buffer(self) -> None:
        """Stop the sound; every pending segment is reported interrupted."""
        for segment in self._segments:
            segment.cleared = True
        if self._run is not None:
            self._run.stop()
        self._wake()

    def pause(self) -> None:
        """Stop the sound and keep the rest of the segment for ``resume``."""
        super().pause()
        self._paused = True
        if self._run is not None:
            self._run.stop()

    def resume(self) -> None:
        """Go on from where the segment was last heard."""
        super().resume()
        self._paused = False
        self._wake()

    # --- what the avatar session calls ----------------------------------------------------------

    @property
    def idle(self) -> bool:
        """No segment is pending or about to be: the sink can go in or out of the chain."""
        return not self._segments and not self._entered

    def speech_at(self, end: AudioEnd) -> SpeechUnderWay | None:
        """What an end is saying now; None if it says nothing."""
        return self._run.speech if self._run is not None and self._run.end is end else None

    def use(self, end: AudioEnd | None) -> None:
        """Play at another end from now on; a segment under way is continued there.

        Args:
            end: The end, or None to hold speech until there is one.
        """
        if end is self._end:
            return
        self._end = end
        if self._run is not None:
            self._run.stop()
        self._wake()

    async def use_at_boundary(self, end: AudioEnd, *, changed: Callable[[], None]) -> None:
        """Play at another end from the next segment on; returns when that is so.

        Cancelled, it changes nothing. What ``use`` says meanwhile holds until the boundary.

        Args:
            end: The end.
            changed: Called at that moment, before anything is played there.

        Raises:
            SessionStateError: Another end is to play from the boundary on, or the sink was closed.
        """
        self._drop_next()
        if not self._under_way:
            self.use(end)
            changed()
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._next = (end, changed, future)
        try:
            await future
        finally:
            self._forget_next(future)

    def abandon(self, end: AudioEnd, *, silent_since: float | None = None) -> None:
        """Ask nothing more of an end that is gone; call it before another one is used.

        Args:
            end: The end.
            silent_since: Unix time from which nothing of it was heard; None for now.
        """
        if self._run is not None and self._run.end is end:
            self._run.abandon(silent_since=silent_since)

    def when_idle(self, callback: Callable[[], None]) -> None:
        """Call back once, at the next moment without a pending segment; at once if it is now."""
        if self.idle:
            callback()
        else:
            self._on_idle.append(callback)

    async def wait_for_segment(self) -> None:
        """Wait until another segment begins."""
        begun = asyncio.Event()
        self._begun.add(begun)
        try:
            await begun.wait()
        finally:
            self._begun.discard(begun)

    async def aclose(self) -> None:
        """Stop everything; pending segments are reported interrupted."""
        self._closed = True
        self._drop_next()
        self.clear_buffer()
        if self._pump_task is not None:
            await asyncio.wait([self._pump_task])

    @property
    def _under_way(self) -> bool:
        """Part of a segment was heard, or is on its way."""
        return self._run is not None or bool(self._segments and self._segments[0].heard > 0)

    def _forget_next(self, future: asyncio.Future[None]) -> None:
        if self._next is not None and self._next[2] is future:
            self._next = None

    def _drop_next(self) -> None:
        if self._next is not None and not self._next[2].done():
            self._next[2].set_exception(
                SessionStateError("another avatar was given the word meanwhile, or the call closed")
            )
        self._next = None

    # --- the pump -------------------------------------------------------------------------------

    def _must_wait(self) -> bool:
        return self._takes_speech() and self._unheard() > UNHEARD_LIMIT

    def _is_ahead(self) -> bool:
        return self._takes_speech() and self._unheard() > HEAD_START

    def _takes_speech(self) -> bool:
        return not self._closed and not (self._open is not None and self._open.cleared)

    def _unheard(self) -> float:
        unheard = sum(
            segment.pushed - segment.heard for segment in self._segments if not segment.cleared
        )
        if self._run is not None:
            unheard -= self._run.position - self._run.base
        return unheard

    def _wake(self) -> None:
        self._changed.set()
        if self._segments and (self._pump_task is None or self._pump_task.done()):
            self._pump_task = asyncio.create_task(self._pump(), name="avatar-front-sink")
            self._pump_task.add_done_callback(self._pump_ended)

    async def _pump(self) -> None:
        """Play the segments in order; it ends when none is left: an idle sink has no task."""
        while self._segments:
            segment = self._segments[0]
            if segment.cleared:
                self._finish(segment, interrupted=True)
            elif segment.played and segment.flushed:
                self._finish(segment, interrupted=segment.cut_off)
            elif segment.played or self._end is None or self._paused:
                self._changed.clear()
                await self._changed.wait()
            else:
                end = self._end
                result = await self._play(segment, end)
                segment.heard = max(segment.heard, result.position)
                segment.played, segment.cut_off = result.complete, result.interrupted
                if result.failed and self._end is end:
                    # Nobody has put another end in its place: asked again it would fail again.
                    segment.played = segment.cut_off = True
        self._tell_idle()

    def _tell_idle(self) -> None:
        while self._on_idle and self.idle:
            self._on_idle.pop(0)()

    async def _play(self, segment: Segment, end: AudioEnd) -> RunResult:
        def started(created_at: float) -> None:
            if not segment.started:
                segment.started = True
                self.on_playback_started(created_at=created_at)

        def progressed(started_at: float, offset: float, duration: float) -> None:
            self.on_playback_progressed(started_at=started_at, offset=offset, duration=duration)

        self._run = SegmentRun(segment=segment, end=end, on_started=started, on_progress=progressed)
        try:
            return await self._run.play()
        finally:
            self._run = None

    def _finish(self, segment: Segment, *, interrupted: bool) -> None:
        self._segments.remove(segment)
        self._changed.set()
        if self._next is not None and not self._next[2].done():
            self._end, changed, future = self._next
            self._next = None
            changed()
            future.set_result(None)
        self.on_playback_finished(playback_position=segment.heard, interrupted=interrupted)

    def _pump_ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("the front sink failed; pending speech is lost", exc_info=error)
            while self._segments:
                self._finish(self._segments[0], interrupted=True)
        elif self._segments and not self._closed:
            self._wake()
