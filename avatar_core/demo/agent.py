"""The agent's side of a demo: a real AgentSession that says what it is given."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from livekit import rtc
from livekit.agents import Agent, AgentSession
from livekit.agents.voice import SpeechHandle, room_io
from livekit.agents.voice.io import AudioOutput, PlaybackFinishedEvent, PlaybackStartedEvent

from avatar_core.demo.timeline import Segment
from avatar_core.demo.utterance import Utterance, silence_between
from avatar_core.log import logger

_REPORT_PATIENCE = 15.0  # seconds past an utterance's length: vendors' reports lag by seconds
_CLEAR_PATIENCE = 5.0


class SpeakingAgent:
    """Speaks utterances one after another; needs no model, no key and no microphone.

    Args:
        now: Gives the call's time in seconds.
        on_event: Takes what happened, one line, and the call's time of it.
    """

    def __init__(self, *, now: Callable[[], float], on_event: Callable[[str, float], None]) -> None:
        self.session: AgentSession[None] = AgentSession(
            # Neither listens: the demo's caller is a viewer. Without `None` LiveKit loads its own.
            vad=None,
            turn_handling={"turn_detection": None},
            aec_warmup_duration=None,
            user_away_timeout=None,
        )
        self._now = now
        self._on_event = on_event
        self._output: AudioOutput | None = None
        self._current: Segment | None = None
        self._started = asyncio.Event()

    async def start(self, room: rtc.Room) -> None:
        """Begin the session in a connected room."""
        await self.session.start(
            Agent(instructions="Say what you are given."),
            room=room,
            room_options=room_io.RoomOptions(
                audio_input=False, text_input=False, close_on_disconnect=False
            ),
        )

    async def say(
        self, utterance: Utterance, segment: Segment, *, interrupt_at: float | None
    ) -> None:
        """Say one utterance and fill in its segment; returns when its end has been reported.

        Args:
            utterance: What to say.
            segment: Where times and reports are noted.
            interrupt_at: Seconds after the start of playback to interrupt it, None for never.
        """
        self._listen()
        self._current, self._started = segment, asyncio.Event()
        segment.own_silence = silence_between(utterance)
        segment.said_at = self._now()
        # Without any words LiveKit's transcription never sees the utterance end.
        words = utterance.text or f"[{utterance.label}]"
        handle = self.session.say(words, audio=utterance.frames())
        try:
            await asyncio.wait_for(
                self._speak(handle, segment, interrupt_at=interrupt_at),
                utterance.seconds + _REPORT_PATIENCE,
            )
        except asyncio.TimeoutError:
            segment.overdue = True
            self._on_event(f"segment {segment.number}: its end was never reported", self._now())
            await self._cut(handle)
        except asyncio.CancelledError:
            if not handle.done():
                segment.interrupted_at = self._now()
                await self._cut(handle)
            raise
        finally:
            self._current = None

    async def aclose(self) -> None:
        """End the session."""
        if self._output is not None:
            self._output.off("playback_started", self._playback_started)
            self._output.off("playback_finished", self._playback_finished)
            self._output = None
        await self.session.aclose()

    async def _speak(
        self, handle: SpeechHandle, segment: Segment, *, interrupt_at: float | None
    ) -> None:
        interrupter: asyncio.Task[None] | None = None
        if interrupt_at is not None:
            interrupter = asyncio.create_task(self._interrupt(handle, segment, after=interrupt_at))
        try:
            await handle.wait_for_playout()
        finally:
            if interrupter is not None:
                interrupter.cancel()
                await asyncio.gather(interrupter, return_exceptions=True)

    async def _interrupt(self, handle: SpeechHandle, segment: Segment, *, after: float) -> None:
        await self._started.wait()
        assert segment.started_at is not None
        await asyncio.sleep(segment.started_at + after - self._now())
        if not handle.done():
            segment.interrupted_at = self._now()
            self._on_event(f"segment {segment.number} interrupted", segment.interrupted_at)
            _ = handle.interrupt()  # it can be awaited: the caller waits for the playout

    async def _cut(self, handle: SpeechHandle) -> None:
        """Interrupt and wait a little: an avatar that is asked to leave in mid-word is noisy."""
        _ = handle.interrupt(force=True)
        try:
            await asyncio.wait_for(handle.wait_for_playout(), _CLEAR_PATIENCE)
        except asyncio.TimeoutError:
            logger.warning("the avatar did not confirm that it stopped speaking")

    def _listen(self) -> None:
        """Follow the session's output, which a provider that joins or leaves may replace."""
        output = self.session.output.audio
        if output is self._output:
            return
        if self._output is not None:
            self._output.off("playback_started", self._playback_started)
            self._output.off("playback_finished", self._playback_finished)
        if output is not None:
            output.on("playback_started", self._playback_started)
            output.on("playback_finished", self._playback_finished)
        self._output = output

    def _playback_started(self, event: PlaybackStartedEvent) -> None:
        # The report carries wall-clock time of the place where it was noticed.
        at = self._now() - max(0.0, time.time() - event.created_at)
        if self._current is not None and self._current.started_at is None:
            self._current.started_at = at
            self._started.set()

    def _playback_finished(self, event: PlaybackFinishedEvent) -> None:
        segment = self._current
        if segment is None:
            return
        segment.finished_at = self._now()
        segment.position = event.playback_position
        segment.interrupted = event.interrupted
