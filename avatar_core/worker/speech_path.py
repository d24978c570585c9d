"""The way of speech through a worker: received, played, shown to the renderer, reported."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from livekit import rtc

from avatar_core.log import logger
from avatar_core.worker.live_sound import LiveSound
from avatar_core.worker.options import WorkerOptions
from avatar_core.worker.playback import Heard, SpeechPlayer
from avatar_core.worker.receiver import SpeechReceiver
from avatar_core.worker.reports import PlaybackReporter
from avatar_core.worker.segment import Ordinals, Samples, Segment
from avatar_core.worker.tasks import bounded
from avatar_core.worker.video import RendererGuard


class SpeechPath:
    """Receiver, player and reporter of one worker, and who of them hears of what.

    Args:
        room: The worker's room, not connected yet.
        source: Where the sound goes.
        renderer: Hears what arrives, and is told of interruptions and silence.
        agent_identity: Participant to take speech from; None takes the first that sends.
        sender_found: Called with the identity when the first participant sends.
        options: Rates, timeouts, faults.
    """

    def __init__(
        self,
        *,
        room: rtc.Room,
        source: rtc.AudioSource,
        renderer: RendererGuard,
        agent_identity: str | None,
        sender_found: Callable[[str], None],
        options: WorkerOptions,
    ) -> None:
        self._room = room
        self._renderer = renderer
        self._options = options
        self._deaf = False
        self._listens = False
        ordinals = Ordinals()
        self._player = SpeechPlayer(source=source, lookahead=options.lookahead, listener=self)
        self._reporter = PlaybackReporter(
            room=room,
            delay=options.faults.report_delay,
            drop=options.faults.drop_reports,
            drop_starts=options.faults.drop_starts,
        )
        self._receiver = SpeechReceiver(
            room=room,
            sender_identity=agent_identity,
            output_rate=options.audio_rate,
            idle_timeout=options.stream_idle_timeout,
            ordinals=ordinals,
            listener=self,
            sender_found=sender_found,
        )
        self._live = LiveSound(
            player=self._player,
            rate=options.audio_rate,
            ordinals=ordinals,
            speech_received=self.speech_received,
        )

    def work(self) -> dict[str, Coroutine[Any, Any, None]]:
        """Return what is to be run until it is cancelled, by name."""
        return {"playback": self._player.run(), "reports": self._reporter.run()}

    def joined(self) -> None:
        """Answer interruptions, now that the room is connected; hold speech for a listener."""
        self._receiver.answer_clear()
        self._player.hold()
        self._listens = True

    def hear(self, frame: rtc.AudioFrame, *, sender: str | None) -> None:
        """Play sound that has just arrived otherwise than by stream.

        Args:
            frame: The sound.
            sender: The participant it is from, who may clear it; None for nobody in the room.

        Raises:
            UnplayableStreamError: Its rate or number of channels is out of range.
        """
        if self._deaf or not self._listens:
            return
        if sender is not None:
            self._receiver.heard_live(sender)
        self._live.push(frame)

    async def release_when_heard(self, sound: rtc.LocalTrackPublication) -> None:
        """Let speech go once somebody has subscribed: what is said before is heard by nobody.

        Args:
            sound: The publication to wait for, for ``listener_wait`` seconds at most.
        """
        try:
            await asyncio.wait_for(sound.wait_for_subscription(), self._options.listener_wait)
        except asyncio.TimeoutError:
            logger.info("nobody listens to the avatar yet; it speaks all the same")
        self._player.release()

    def heard(self, at: float, duration: float) -> Heard:
        """What is heard from ``at`` on, in monotonic seconds, for ``duration`` seconds."""
        return self._player.heard(at, duration)

    def go_deaf(self) -> None:
        """Play nothing and report nothing from now on."""
        self._deaf = True
        self._player.interrupt()

    async def aclose(self) -> None:
        """Take no more, cut off what is being played, and send the last reports."""
        self._listens = False
        self._live.end()
        await self._receiver.aclose()
        self._player.interrupt()
        if self._room.isconnected() and not self._deaf:
            drain = asyncio.create_task(self._reporter.drain(), name="avatar_worker.drain")
            if not await bounded(drain, self._options.close_timeout, "the last reports"):
                drain.cancel()

    # What arrives, from the receiver.

    def segment_opened(self, segment: Segment) -> None:
        """Queue a segment that begins to arrive."""
        if not self._deaf:
            self._live.end()  # it is not mixed with what the agent sends
            self._player.enqueue(segment)

    def speech_received(self, samples: Samples) -> None:
        """Let the renderer hear what arrives."""
        if not self._deaf:
            rate = self._options.audio_rate
            frame = rtc.AudioFrame(samples.tobytes(), rate, 1, samples.size)
            self._renderer.tell("hear", frame)

    def clear_requested(self) -> None:
        """Cut off everything so far."""
        if self._player.interrupt() and not self._deaf:
            self._renderer.tell("interrupted")

    # What is heard, from the player.

    def segment_started(self, segment: Segment) -> None:
        """Report that a segment is being played."""
        if segment.sender is not None and not self._deaf:
            self._reporter.started(segment.sender)

    def segment_finished(self, segment: Segment, position: float, interrupted: bool) -> None:
        """Report that a segment is over."""
        if segment.sender is not None and not self._deaf:
            self._reporter.finished(segment.sender, position=position, interrupted=interrupted)

    def fell_silent(self) -> None:
        """Let the renderer be idle."""
        self._renderer.tell("idle")
