"""A worker that a test leads by the hand, with the token that a plugin has minted for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from livekit import rtc

from avatar_core.testing.call_stage import tone

from .calling_stage import ProtofaceStage

TOPIC = "lk.audio_stream"
SIDE = 64


class HandWorker:
    """A participant that hums, and shows itself when it is told to.

    Args:
        room: Where it is.
    """

    def __init__(self, room: rtc.Room) -> None:
        self._room = room
        self._video = rtc.VideoSource(SIDE, SIDE)
        self._audio = rtc.AudioSource(24000, 1)
        self._reading: set[asyncio.Task[None]] = set()
        self.stream: asyncio.Future[tuple[dict[str, str], bytes]] = asyncio.Future()
        """The first speech that comes: its attributes and its samples."""
        self.streams = 0
        """How many have begun."""
        room.register_byte_stream_handler(TOPIC, self._begin)

    async def hum(self) -> None:
        """Publish sound, and no picture."""
        track = rtc.LocalAudioTrack.create_audio_track("protoface-avatar-audio", self._audio)
        await self._room.local_participant.publish_track(
            track, rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
        )
        async for frame in tone(seconds=1):
            await self._audio.capture_frame(frame)

    async def publish_video(self) -> None:
        """Publish a picture."""
        track = rtc.LocalVideoTrack.create_video_track("protoface-avatar", self._video)
        await self._room.local_participant.publish_track(
            track, rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_CAMERA)
        )
        picture = rtc.VideoFrame(SIDE, SIDE, rtc.VideoBufferType.RGBA, bytes(SIDE * SIDE * 4))
        self._video.capture_frame(picture)

    async def aclose(self) -> None:
        """Leave."""
        self._room.unregister_byte_stream_handler(TOPIC)
        await self._room.disconnect()
        for task in self._reading:
            task.cancel()
        await asyncio.gather(*self._reading, return_exceptions=True)
        self.stream.cancel()
        await self._audio.aclose()
        await self._video.aclose()

    def _begin(self, reader: rtc.ByteStreamReader, _: str) -> None:
        self.streams += 1
        task = asyncio.create_task(self._read(reader))
        self._reading.add(task)
        task.add_done_callback(self._reading.discard)

    async def _read(self, reader: rtc.ByteStreamReader) -> None:
        data = b"".join([part async for part in reader])
        if not self.stream.done():
            self.stream.set_result((dict(reader.info.attributes or {}), data))


@asynccontextmanager
async def hand_worker(stage: ProtofaceStage) -> AsyncIterator[HandWorker]:
    """Let the worker of the latest session join; it hums.

    Args:
        stage: With an emulator that sends no worker of its own.
    """
    room = rtc.Room()
    await room.connect(stage.call.server.url, stage.emulator.sessions[0].token)
    worker = HandWorker(room)
    try:
        await worker.hum()
        yield worker
    finally:
        await worker.aclose()
