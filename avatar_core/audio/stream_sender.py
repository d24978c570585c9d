"""The avatar's end: speech as byte streams to a participant, playback reports back by RPC."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from livekit import rtc
from livekit.agents.voice.io import AudioOutput, AudioOutputCapabilities

from avatar_core.audio.alarm import Alarm
from avatar_core.audio.hush import Hush
from avatar_core.audio.playback_rpc import (
    PlaybackDispatcher,
    PlaybackListener,
    PlaybackReport,
)
from avatar_core.audio.reception import NoReception, Reception
from avatar_core.audio.report_deadline import ASSUMED_START, ReportDeadline
from avatar_core.audio.report_ledger import ReportLedger
from avatar_core.audio.sent_segment import SentSegment
from avatar_core.audio.stream_break import StreamBreak
from avatar_core.audio.stream_writer import StreamWriter
from avatar_core.contract.audio_routes import DataStream
from avatar_core.log import logger

LAST_SOUND = 0.25
"""Seconds that the last sound takes to listeners: of a track that is taken away before, they drop
what they have buffered, and 0.15 to 0.3 s of the sentence are heard by nobody."""

SHORT = 0.3
"""Seconds by which a segment that was played to its end may seem shorter than what was sent."""


class StreamSender(AudioOutput):
    """Sends one segment at a time to an avatar and learns from it how far it was heard.

    ``capture_frame`` never waits: the writer has a task of its own.

    Args:
        room: The agent's room, connected.
        route: Whom to send to, and how.
        report_lag: Seconds by which the provider's reports lag behind the sound.
        on_failure: Called when the room refuses what is sent; the segment counts as cut off.
        on_silence: Called when a report is overdue of an avatar that has sent some before. One
            that never sent any is taken as it is, and its positions are estimated. It is given
            the unix time since when nothing was heard, where the segment was not begun either:
            give it up, for another end to say; None where it is over.
        on_part_lost: Called when the way to the avatar was made anew and part of the segment got
            lost on it: clear the segment, and send what is reported unheard as another one.
        reception: What the agent receives of it.
    """

    def __init__(
        self,
        *,
        room: rtc.Room,
        route: DataStream,
        report_lag: float = 0.0,
        on_failure: Callable[[Exception], None] | None = None,
        on_silence: Callable[[float | None], None] | None = None,
        on_part_lost: Callable[[], None] | None = None,
        reception: Reception | None = None,
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
        self._on_silence = on_silence
        self._on_part_lost = on_part_lost or self.give_up
        self._reception = reception or NoReception()
        self._ledger = ReportLedger()
        self._writer = StreamWriter(
            room=room,
            identity=route.identity,
            on_sent=self._sent,
            on_refused=self._refused,
            on_failure=self._failed,
        )
        self._break = StreamBreak(
            room=room,
            identity=route.identity,
            reception=self._reception,
            on_break=self._broke,
            on_return=self._returned,
        )
        self._break.start()
        self._deadline = ReportDeadline(
            way=self._break,
            report_lag=report_lag,
            clear_timeout=route.clear_timeout,
            on_missing=self._report_is_missing,
        )
        self._unstarted = Alarm()
        self._hush = Hush(reception=self._reception, on_hush=self._hushed)
        self._begun = False
        self._over = asyncio.Event()
        self._segment = SentSegment()
        self._stop_listening = PlaybackDispatcher.of(room.local_participant).listen(
            route.identity,
            PlaybackListener(on_started=self._reported_start, on_finished=self._reported_finish),
        )

    @property
    def start_told(self) -> bool:
        """The avatar has reported the start of the segment under way."""
        return self._begun and self._segment.start_reported

    # --- what the front sink calls --------------------------------------------------------------

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        """Queue a frame, s16le, for the avatar."""
        await super().capture_frame(frame)
        if not self._begun:
            self._begin()
            self._writer.open(frame)
        self._segment.add(frame.duration)
        self._writer.write(frame)

    def flush(self) -> None:
        """End the segment: the stream is closed behind what is queued."""
        super().flush()
        if self._begun and not self._segment.flushed:
            self._segment.flushed = True
            self._writer.close()
            self._expect_end()

    def clear_buffer(self) -> None:
        """Drop what is queued and tell the avatar to be silent."""
        if not self._begun or self._segment.cleared:
            return
        if self._segment.cut_off_at is not None:
            return self.give_up()  # it is silent already, and has said how far it got
        self._segment.cleared = True
        self._writer.clear()
        if self._segment.first_sent_at is None:
            # It was told of a segment at most: what it says of that is not waited for.
            self._ledger.given_up()
            return self._settle(position=0.0, interrupted=True)
        self._hush.listen(started_at=self._segment.started_at)
        self._deadline.expect_silence()

    def give_up(self, *, silent_since: float | None = None) -> None:
        """Expect no report any more: the avatar is gone; how far it got is estimated.

        Args:
            silent_since: Unix time from which nothing of it was heard; None for now.
        """
        self._writer.drop()
        if self._begun:
            self._settle(position=self._segment.estimate(silent_since), interrupted=True)

    async def aclose(self) -> None:
        """Silence the avatar and stop; a segment under way is reported cut off."""
        if self._begun and self._room.isconnected():
            # The avatar must be silent before another end speaks, and it knows how far it got.
            self.clear_buffer()
            await self._over.wait()
            await asyncio.sleep(LAST_SOUND)
        self._stop_listening()
        self._break.stop()
        await self._writer.aclose()
        self.give_up()
        self._deadline.cancel()

    # --- one segment ----------------------------------------------------------------------------

    def _begin(self) -> None:
        self._begun = True
        self._over.clear()
        self._segment = SentSegment()
        self._break.begin()

    def _settle(self, *, position: float, interrupted: bool) -> None:
        self._begun = False
        self._over.set()
        self._deadline.cancel()
        self._unstarted.cancel()
        self._hush.cancel()
        if position > 0.0:
            if self._segment.started_at is None:
                self._start_at(time.time() - position)
            assert self._segment.started_at is not None
            self.on_playback_progressed(
                started_at=self._segment.started_at, offset=0.0, duration=position
            )
        self.on_playback_finished(playback_position=position, interrupted=interrupted)

    def _assume_start(self) -> None:
        if self._begun and self._segment.first_sent_at is not None:
            self._start_at(time.time())
            if self._segment.flushed:
                self._expect_end()

    def _start_at(self, created_at: float) -> None:
        self._unstarted.cancel()
        if self._segment.started_at is None:
            self._segment.start(created_at)
            self.on_playback_started(created_at=created_at)

    def _reported_start(self) -> None:
        self._ledger.tells_starts = True
        self._segment.start_reported = self._segment.first_sent_at is not None
        self._assume_start()

    def _reported_finish(self, report: PlaybackReport) -> None:
        self._ledger.tells_ends = True
        if not self._begun or not self._ledger.is_of(self._segment, report):
            self._ledger.came_late()
            logger.debug("late playback report ignored", extra={"position": report.position})
            return
        if not self._segment.flushed and not report.interrupted:
            if self._segment.reached is not None:
                self._segment.cut_off_at = report.position
            return  # an avatar that ends a segment on a gap in the stream; ours is still open
        if report.interrupted and not self._segment.cleared:
            self._segment.cut_off_at = report.position
            self._writer.drop()
            self._writer.close()
            self._deadline.expect_departure(self.give_up)
            return
        short = self._break.broken and self._segment.pushed - report.position > SHORT
        if short and not self._segment.cleared:
            self._segment.cut_off_at = report.position
            self._on_part_lost()
            return
        self._settle(
            position=min(report.position, self._segment.pushed), interrupted=report.interrupted
        )

    def _expect_end(self) -> None:
        if self._segment.cut_off_at is None and not self._segment.cleared:
            self._deadline.expect_end(self._segment)

    def _report_is_missing(self) -> None:
        self._ledger.given_up()
        cleared = self._segment.cleared
        position = (
            self._segment.estimate(self._hush.fell_silent()) if cleared else self._segment.pushed
        )
        logger.warning(
            "the avatar did not report the end of a segment; it counts as over",
            extra={"identity": self._route.identity, "cleared": cleared},
        )
        silent = None if cleared or self._break.disturbed else self._on_silence
        if silent is not None and self._ledger.tells_starts and not self._segment.start_reported:
            silent(self._segment.first_sent_at)
        if self._begun:
            self._settle(position=position, interrupted=cleared)
            if silent is not None and self._ledger.tells_ends:
                silent(None)

    def _hushed(self, since: float) -> None:
        if self._begun and self._segment.cleared and not self._break.disturbed:
            self._ledger.given_up()
            self._settle(position=self._segment.estimate(since), interrupted=True)

    # --- what the writer tells ------------------------------------------------------------------

    def _refused(self) -> None:
        if self._begun and self._segment.cleared:
            self._ledger.given_up()
            self._settle(
                position=self._segment.estimate(self._hush.fell_silent()), interrupted=True
            )

    def _failed(self, error: Exception) -> None:
        if self._begun and self._break.away:
            self._break.lost_here()
            if self._segment.reached is None:
                self._segment.reached = self._writer.sent
            return  # it is sent again when it can be
        if self._on_failure is not None:
            self._on_failure(error)
        self.give_up()

    # --- when the way to the avatar is made anew ------------------------------------------------

    def _broke(self) -> None:
        whole = self._segment.flushed and not self._writer.has_more
        if self._begun and not whole and self._segment.reached is None:
            self._segment.reached = self._writer.sent

    def _returned(self) -> None:
        if self._begun and self._segment.reached is not None and not self._segment.cleared:
            self._on_part_lost()

    def _sent(self) -> None:
        if self._segment.first_sent_at is not None:
            return
        self._segment.first_sent_at = time.time()
        if not self._route.reports_start:
            self._start_at(self._segment.first_sent_at)
        elif self._segment.started_at is None:
            self._unstarted.set(ASSUMED_START + self._report_lag, self._assume_start)
