"""The peer: LiveKit's own AvatarRunner, drawing the same face with the same means."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import numpy as np
from livekit import rtc
from livekit.agents.utils.audio import AudioByteStream
from livekit.agents.voice.avatar import (
    AudioSegmentEnd,
    AvatarOptions,
    AvatarRunner,
    DataStreamAudioReceiver,
    VideoGenerator,
)

from avatar_core.worker import Moment, Renderer

RATE = 24000


class FaceGenerator(VideoGenerator):
    """Gives the runner a picture for each 40 ms of sound, and idle pictures in between."""

    def __init__(self, renderer: Renderer) -> None:
        self._renderer = renderer
        self._queue: asyncio.Queue[rtc.AudioFrame | AudioSegmentEnd] = asyncio.Queue()
        self._slices = AudioByteStream(RATE, 1, round(RATE / renderer.fps))
        self._began = time.monotonic()
        self._arrived = asyncio.Event()

    async def push_audio(self, frame: rtc.AudioFrame | AudioSegmentEnd) -> None:
        if isinstance(frame, AudioSegmentEnd):
            for piece in self._slices.flush():
                await self._queue.put(piece)
            await self._queue.put(frame)
            self._arrived.set()
            return
        for piece in self._slices.push(frame.data):
            await self._queue.put(piece)
        self._arrived.set()

    def clear_buffer(self) -> None:
        self._slices.clear()
        while not self._queue.empty():
            self._queue.get_nowait()

    def _draw(self, samples: np.ndarray[tuple[int], np.dtype[np.int16]]) -> rtc.VideoFrame:
        return self._renderer.draw(
            Moment(
                time=time.monotonic() - self._began,
                speaking=samples.size > 0,
                audio=samples,
                sample_rate=RATE,
                position=0.0,
                segment=1,
                agent_state=None,
            )
        )

    def __aiter__(self) -> AsyncIterator[rtc.VideoFrame | rtc.AudioFrame | AudioSegmentEnd]:
        return self._stream()

    async def _stream(self) -> AsyncIterator[rtc.VideoFrame | rtc.AudioFrame | AudioSegmentEnd]:
        period = 1 / self._renderer.fps
        silence = np.zeros(0, np.int16)
        due = time.monotonic()
        while True:
            # Idle pictures come when they are due; sound is passed on as soon as it is there.
            if self._queue.empty():
                self._arrived.clear()
                with contextlib.suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(self._arrived.wait(), max(0.001, due - time.monotonic()))
            if self._queue.empty():
                due = max(due + period, time.monotonic())
                yield self._draw(silence)
                continue
            piece = self._queue.get_nowait()
            if isinstance(piece, AudioSegmentEnd):
                yield piece
                continue
            due = time.monotonic() + period
            yield self._draw(np.frombuffer(piece.data, np.int16))
            yield piece


class RunnerAvatar:
    """Joins a room with an AvatarRunner."""

    def __init__(self, renderer: Renderer) -> None:
        self.room = rtc.Room()
        self._renderer = renderer
        self._runner: AvatarRunner | None = None

    async def start(self, url: str, token: str) -> None:
        await self.room.connect(url, token)
        self._runner = AvatarRunner(
            self.room,
            audio_recv=DataStreamAudioReceiver(self.room, sender_identity="agent"),
            video_gen=FaceGenerator(self._renderer),
            options=AvatarOptions(
                video_width=self._renderer.width,
                video_height=self._renderer.height,
                video_fps=self._renderer.fps,
                audio_sample_rate=RATE,
                audio_channels=1,
            ),
        )
        await self._runner.start()

    async def aclose(self) -> None:
        if self._runner is not None:
            await self._runner.aclose()
        await self.room.disconnect()
