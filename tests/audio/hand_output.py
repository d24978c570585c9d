"""An audio output that a test plays by hand."""

from __future__ import annotations

import asyncio
import time

import numpy as np
from livekit import rtc
from livekit.agents.voice.io import AudioOutput, AudioOutputCapabilities

from avatar_core.audio.audio_end import AudioEnd


class HandOutput(AudioOutput):
    """Takes frames and says nothing until it is told to.

    Args:
        sample_rate: Hz it wants, None for any.
    """

    def __init__(self, *, sample_rate: int | None = None) -> None:
        super().__init__(
            label="Hand",
            capabilities=AudioOutputCapabilities(pause=False),
            sample_rate=sample_rate,
        )
        self.frames: list[rtc.AudioFrame] = []
        self.calls: list[str] = []
        self.fails: BaseException | None = None
        self.blocked: asyncio.Event | None = None
        self._changed = asyncio.Event()

    @property
    def seconds(self) -> float:
        """Seconds taken so far."""
        return sum(frame.duration for frame in self.frames)

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        if self.fails is not None:
            raise self.fails
        if self.blocked is not None:
            self._note("block")
            await self.blocked.wait()
        await super().capture_frame(frame)
        self.frames.append(frame)
        self._note("capture")

    def flush(self) -> None:
        super().flush()
        self._note("flush")

    def clear_buffer(self) -> None:
        self._note("clear")

    def start(self, *, ago: float = 0.0) -> None:
        """Begin to play, or tell of having begun that many seconds ago."""
        self.on_playback_started(created_at=time.time() - ago)

    def finish(self, position: float, *, interrupted: bool = False) -> None:
        self.on_playback_progressed(started_at=time.time(), offset=0.0, duration=position)
        self.on_playback_finished(playback_position=position, interrupted=interrupted)

    async def until(self, call: str, *, count: int = 1) -> None:
        """Wait until it has been called so often."""
        while self.calls.count(call) < count:
            self._changed.clear()
            await asyncio.wait_for(self._changed.wait(), 5)

    def _note(self, call: str) -> None:
        self.calls.append(call)
        self._changed.set()

    def end(self, *, stop_timeout: float = 5.0) -> AudioEnd:
        """This output as an end of a front sink."""
        return AudioEnd(name="hand", output=self, stop_timeout=stop_timeout)


def speech(*, seconds: float, sample_rate: int = 24000, channels: int = 1) -> rtc.AudioFrame:
    """One frame whose samples count up, so that each says where it belongs."""
    count = round(seconds * sample_rate)
    samples = np.repeat((np.arange(count) % 30000).astype(np.int16), channels)
    return rtc.AudioFrame(samples.tobytes(), sample_rate, channels, count)


async def turns(count: int = 10) -> None:
    """Let everything that can go on do so."""
    for _ in range(count):
        await asyncio.sleep(0)
