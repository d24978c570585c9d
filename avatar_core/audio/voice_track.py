"""The voice end where LiveKit made no track: the agent's own, published when first needed."""

from __future__ import annotations

import asyncio
import time

from livekit import rtc
from livekit.agents import utils
from livekit.agents.voice.io import AudioOutput, AudioOutputCapabilities

from avatar_core.log import logger

SAMPLE_RATE = 24000
TRACK_NAME = "agent_voice"
QUEUE_MS = 200
PUBLISH_SECONDS = 2.0
"""Seconds that closing waits for a track on its way into the room."""

UNPUBLISH_SECONDS = 2.0
SUBSCRIBER_WAIT = 3.0
"""Seconds to wait for somebody to listen before a first sentence is spoken into the void."""


class VoiceTrack(AudioOutput):
    """Plays the agent's speech on its own microphone track, as LiveKit's RoomIO would.

    Args:
        room: The agent's room; it need not be connected yet.
    """

    def __init__(self, *, room: rtc.Room) -> None:
        super().__init__(
            label="AvatarVoiceTrack",
            capabilities=AudioOutputCapabilities(pause=False),
            sample_rate=SAMPLE_RATE,
        )
        self._room = room
        self._source: rtc.AudioSource | None = None
        self._publication: rtc.LocalTrackPublication | None = None
        self._publish_task: asyncio.Task[None] | None = None
        self._wait_until = 0.0
        self._closed = False
        self._slices = utils.audio.AudioByteStream(SAMPLE_RATE, 1, SAMPLE_RATE // 50)
        self._queue: asyncio.Queue[rtc.AudioFrame | None] = asyncio.Queue()
        self._play_task: asyncio.Task[None] | None = None
        self._started_at: float | None = None
        self._played = 0.0

    async def ready(self) -> None:
        """Publish the track, once, and give listeners a moment to subscribe."""
        await self._connected()
        if self._publication is None and (self._publish_task is None or self._publish_task.done()):
            self._publish_task = asyncio.create_task(self._publish(), name="avatar-voice-publish")
        # The SDK publishes on when its call is cancelled, and a second call publishes a second
        # track: whoever is cancelled here, there is one call.
        if self._publish_task is not None:
            await asyncio.shield(self._publish_task)
        publication, patience = self._publication, self._wait_until - time.monotonic()
        if publication is None or patience <= 0:
            return
        # Not asyncio.wait_for: it swallows a cancellation that comes with the result (3.11), and
        # who was stopped must not go on to feed.
        subscribed = asyncio.ensure_future(publication.wait_for_subscription())
        try:
            await asyncio.wait([subscribed], timeout=patience)
            if not subscribed.done():
                logger.info("nobody listens to the agent's voice yet")
        finally:
            subscribed.cancel()
        self._wait_until = 0.0

    async def _publish(self) -> None:
        source = rtc.AudioSource(SAMPLE_RATE, 1, queue_size_ms=QUEUE_MS)
        track = rtc.LocalAudioTrack.create_audio_track(TRACK_NAME, source)
        publication = await self._room.local_participant.publish_track(
            track, rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
        )
        if self._closed:
            await self._unpublish(publication.sid)
            await source.aclose()
            return
        self._publication, self._source = publication, source
        self._wait_until = time.monotonic() + SUBSCRIBER_WAIT

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        """Queue a frame, s16le mono at 24 kHz; call ``ready`` first."""
        await super().capture_frame(frame)
        if self._play_task is None or self._play_task.done():
            self._started_at, self._played = None, 0.0
            self._queue = asyncio.Queue()
            self._play_task = asyncio.create_task(self._play(), name="avatar-voice-track")
            self._play_task.add_done_callback(self._over)
        for piece in self._slices.push(frame.data):
            self._queue.put_nowait(piece)

    def flush(self) -> None:
        """End the segment."""
        super().flush()
        for piece in self._slices.flush():
            self._queue.put_nowait(piece)
        self._queue.put_nowait(None)

    def clear_buffer(self) -> None:
        """Stop the sound and report how far it got."""
        self._slices.clear()
        if self._play_task is not None and not self._play_task.done():
            self._play_task.cancel()

    async def aclose(self) -> None:
        """Take the track out of the room."""
        self.clear_buffer()
        if self._play_task is not None:
            await asyncio.wait([self._play_task])
            await asyncio.sleep(0)  # its report, which needs the source, runs on the next turn
        if self._publish_task is not None:
            await asyncio.wait([self._publish_task], timeout=PUBLISH_SECONDS)
            if not self._publish_task.done() and not self._room.isconnected():
                self._publish_task.cancel()  # nobody answers it any more
        self._closed = True
        source, self._source = self._source, None
        publication, self._publication = self._publication, None
        if publication is not None:
            await self._unpublish(publication.sid)
        if source is not None:
            await source.aclose()

    async def _unpublish(self, sid: str) -> None:
        """Take the track out of the room, unless the room goes first: then nobody answers."""
        if not self._room.isconnected():
            return
        gone = asyncio.Event()

        def changed(*_: object) -> None:
            if not self._room.isconnected():
                gone.set()

        # Not "disconnected": rtc 1.1.21 loses that event in one of five disconnects.
        self._room.on("connection_state_changed", changed)
        unpublish = asyncio.ensure_future(self._room.local_participant.unpublish_track(sid))
        waiting = asyncio.ensure_future(gone.wait())
        try:
            await asyncio.wait(
                [unpublish, waiting],
                timeout=UNPUBLISH_SECONDS,
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            self._room.off("connection_state_changed", changed)
            unpublish.cancel()
            waiting.cancel()
            for outcome in await asyncio.gather(unpublish, waiting, return_exceptions=True):
                if isinstance(outcome, Exception):
                    logger.debug("voice track stays", extra={"error_type": type(outcome).__name__})

    async def _play(self) -> None:
        source = self._source
        assert source is not None, "ready() comes first"
        while (piece := await self._queue.get()) is not None:
            if self._started_at is None:
                self._started_at = time.time()
                self.on_playback_started(created_at=self._started_at)
            await source.capture_frame(piece)
            self._played += piece.duration
        await source.wait_for_playout()

    def _over(self, task: asyncio.Task[None]) -> None:
        """Report the segment; a callback, for a task cancelled before it ran reports nothing."""
        error = None if task.cancelled() else task.exception()
        if error is not None:
            logger.error("the agent's voice track failed", exc_info=error)
        interrupted = task.cancelled() or error is not None
        position = self._played
        if interrupted and self._source is not None:
            position = max(0.0, position - self._source.queued_duration)
            self._source.clear_queue()
        if self._started_at is not None and position > 0.0:
            self.on_playback_progressed(started_at=self._started_at, offset=0.0, duration=position)
        self.on_playback_finished(playback_position=position, interrupted=interrupted)

    async def _connected(self) -> None:
        if self._room.isconnected():
            return
        connected = asyncio.Event()

        def changed(_: object) -> None:
            if self._room.isconnected():
                connected.set()

        self._room.on("connection_state_changed", changed)
        try:
            await connected.wait()
        finally:
            self._room.off("connection_state_changed", changed)
