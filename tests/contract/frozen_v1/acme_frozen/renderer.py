"""The renderer of a provider for contract version 1."""

from __future__ import annotations

import numpy as np
from livekit import rtc

from avatar_core.worker import Moment, Renderer


class FrozenRenderer(Renderer):
    """A grey picture, lighter while it speaks."""

    def __init__(self) -> None:
        self.width = self.height = 64
        self.fps = 10.0
        self.seen: list[str] = []

    def draw(self, moment: Moment) -> rtc.VideoFrame:
        """Return the picture of one moment."""
        assert moment.sample_rate > 0 and moment.time >= 0 and moment.segment >= 0
        level = 200 if moment.speaking and moment.audio.size and moment.position >= 0 else 60
        luma = np.full((64, 64), level, dtype=np.uint8)
        return rtc.VideoFrame(
            64, 64, rtc.VideoBufferType.I420, luma.tobytes() + bytes([128]) * 2048
        )

    def hear(self, frame: rtc.AudioFrame) -> None:
        """Take sound."""
        self.seen.append("hear")

    def interrupted(self) -> None:
        """Speech was cut off."""
        self.seen.append("interrupted")

    def idle(self) -> None:
        """Speech is over."""
        self.seen.append("idle")

    def close(self) -> None:
        """It is over."""
        self.seen.append("close")
