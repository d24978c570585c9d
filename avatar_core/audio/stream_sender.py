"""The avatar's end: speech as byte streams to a participant, playback reports back by RPC."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from livekit import rtc
from livekit.agents.voice.io import AudioOutput, AudioOutputCapabilities

from avatar_core.audio.audio_end import heard_since
from avatar_core.audio.playback_rpc import (
    PlaybackDispatcher,
    PlaybackListener,
    PlaybackReport,
)
from avatar_core.audio.stream_writer import StreamWriter
from avatar_core.contract.audio_routes import DataStream
from avatar_core.log import logger

ASSUMED_START = 1.0
"""Seconds after its first audio at which a segment counts as begun if nobody said so."""

OVERDUE = 3.0
"""Seconds that a playback report may be late, on top of the provider's own lag."""

LAST_SOUND = 0.25
"""Seconds that the last sound takes to listeners: of a track that is taken away before, they drop
what they have buffered, and 0.15 to 0.3 s of the sentence are heard by nobody."""

CUT_OFF_GRACE = 0.5
"""Seconds in which an avatar that cut a segment off unasked may turn out to have left: then the
rest is still to be said."""


class StreamSender(AudioOutput):
    """Sends one segment at a time to an avatar and learns from it how far it was heard.

    ``capture_frame`` never waits: the writer has a task of its own.

    Args:
        room: The agent's room, connected.
        route: Whom to send to, and how.
        report_lag: Seconds by which the provider's reports lag behind the sound.
        on_failure: Called when the room refuses what is sent; the segment counts as cut off.
    """

    def __init__(
        self,
        *,
        room: rtc.Room,
        route: DataStream,
        report_lag: float = 0.0,
        on_failure: Callable[[Exception], None] | None = None,
    ) -> None:
        super().__init__(
            label="AvatarStreamSender",
            capabilities=AudioOutputCapabilities(pause=False),
            sample_rate=route.sample_rate,
        )
        self._room = room
        self._route = route
        self._report_lag = report_lag
        self._on_failure = on_failure
        self._writer = StreamWriter(
            room=room,
            identity=route.identity,
            on_sent=self._sent,
            on_refused=self._refused,
            on_failure=self._failed,
        )
        self._timer: asyncio.TimerHandle | None = None
        self._start_timer: asyncio.TimerHandle | None = None
        self._begun = False
        self._over = asyncio.Event()
        self._pushed = 0.0
        self._begun_at = 0.0
        self._ends_at = 0.0
        self._flushed = False
        self._cleared = False
        self._cut_off_at: float | None = None
        self._first_sent_at: float | None = None
        self._started_at: float | None = None
        self._unanswered = 0
        self._stop_listening = PlaybackDispatcher.of(room.local_participant).listen(
            route.identity,
            PlaybackListener(on_started=self._reported_start, on_finished=self._reported_finish),
        )

    # --- what the front sink calls --------------------------------------------------------------

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        """Queue a frame, s16le, for the avatar."""
        await super().capture_frame(frame)
        if not self._begun:
            self._begin()
            self._writer.open(frame)
        self._pushed += frame.duration
        # Sound that comes late is played late: the end moves on with it.
        self._ends_at = max(self._ends_at, time.time()) + frame.duration
        self._writer.write(frame)

    def flush(self) -> None:
        """End the segment: the stream is closed behind what is queued."""
        super().flush()
        if self._begun and not self._flushed:
            self._flushed = True
            self._writer.close()
            self._watch_for_report()

    def clear_buffer(self) -> None:
        """Drop what is queued and tell the avatar to be silent."""
        if not self._begun or self._cleared:
            return
        if self._cut_off_at is not None:
            self.give_up()  # it is silent already, and has said how far it got
            return
        self._cleared = True
        self._writer.clear()
        self._set_timer(self._route.clear_timeout + self._report_lag, self._report_is_missing)

    def give_up(self) -> None:
        """Expect no report any more: the avatar is gone; how far it got is estimated."""
        self._writer.drop()
        if self._begun:
            self._settle(position=self._estimate(), interrupted=True)

    async def aclose(self) -> None:
        """Silence the avatar and stop; a segment under way is reported cut off."""
        if self._begun and self._room.isconnected():
            # The avatar must be silent before another end speaks, and it knows how far it got.
            self.clear_buffer()
            await self._over.wait()
            await asyncio.sleep(LAST_SOUND)
        self._stop_listening()
        await self._writer.aclose()
        self.give_up()
        self._set_timer(None)

    # --- one segment ----------------------------------------------------------------------------

    def _begin(self) -> None:
        self._begun = True
        self._over.clear()
        self._pushed = 0.0
        self._begun_at = time.time()
        self._ends_at = 0.0
        self._flushed = self._cleared = False
        self._first_sent_at = self._started_at = self._cut_off_at = None

    def _settle(self, *, position: float, interrupted: bool) -> None:
        self._begun = False
        self._over.set()
        self._set_timer(None)
        self._stop_start_timer()
        if position > 0.0:
            if self._started_at is None:
                self._start_at(time.time() - position)
            assert self._started_at is not None
            self.on_playback_progressed(started_at=self._started_at, offset=0.0, duration=position)
        self.on_playback_finished(playback_position=position, interrupted=interrupted)

    def _start_at(self, created_at: float) -> None:
        self._stop_start_timer()
        if self._started_at is None:
            self._started_at = created_at
            self._ends_at += max(0.0, created_at - self._begun_at)
            self.on_playback_started(created_at=created_at)

    def _estimate(self) -> float:
        if self._cut_off_at is not None:
            return min(self._cut_off_at, self._pushed)
        return heard_since(self._started_at, self._pushed)

    def _reported_start(self) -> None:
        if self._begun and self._first_sent_at is not None:
            self._start_at(time.time())
            if self._flushed and not self._cleared:
                self._watch_for_report()

    def _reported_finish(self, report: PlaybackReport) -> None:
        if not self._begun or not self._can_be_of_this_segment(report):
            self._unanswered = max(0, self._unanswered - 1)
            logger.debug("late playback report ignored", extra={"position": report.position})
            return
        if not self._flushed and not report.interrupted:
            return  # an avatar that ends a segment on a gap in the stream; ours is still open
        if report.interrupted and not self._cleared:
            self._cut_off_at = report.position
            self._writer.drop()
            self._writer.close()
            self._set_timer(CUT_OFF_GRACE, self.give_up)
            return
        self._settle(position=min(report.position, self._pushed), interrupted=report.interrupted)

    def _can_be_of_this_segment(self, report: PlaybackReport) -> bool:
        """Tell a report of an earlier segment, given up on, from one of this segment."""
        if self._first_sent_at is None:
            return False
        if self._unanswered == 0:
            return True
        elapsed = time.time() - self._first_sent_at
        return report.position <= elapsed + 0.1 and report.interrupted == self._cleared

    def _watch_for_report(self) -> None:
        if self._cut_off_at is not None:
            return
        until_start = 0.0 if self._started_at is not None else ASSUMED_START
        due = self._ends_at + until_start + self._report_lag + OVERDUE
        self._set_timer(due - time.time(), self._report_is_missing)

    def _report_is_missing(self) -> None:
        self._unanswered += 1
        position = self._estimate() if self._cleared else self._pushed
        logger.warning(
            "the avatar did not report the end of a segment; it counts as over",
            extra={"identity": self._route.identity, "cleared": self._cleared},
        )
        self._settle(position=position, interrupted=self._cleared)

    def _set_timer(self, delay: float | None, action: Callable[[], None] | None = None) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if delay is not None and action is not None:
            self._timer = asyncio.get_running_loop().call_later(max(0.0, delay), action)

    # --- what the writer tells ------------------------------------------------------------------

    def _refused(self) -> None:
        if self._begun and self._cleared:
            self._unanswered += 1
            self._settle(position=self._estimate(), interrupted=True)

    def _failed(self, error: Exception) -> None:
        if self._on_failure is not None:
            self._on_failure(error)
        self.give_up()

    def _sent(self) -> None:
        if self._first_sent_at is not None:
            return
        self._first_sent_at = time.time()
        if not self._route.reports_start:
            self._start_at(self._first_sent_at)
        elif self._started_at is None:
            self._start_timer = asyncio.get_running_loop().call_later(
                ASSUMED_START + self._report_lag, self._reported_start
            )

    def _stop_start_timer(self) -> None:
        if self._start_timer is not None:
            self._start_timer.cancel()
            self._start_timer = None
