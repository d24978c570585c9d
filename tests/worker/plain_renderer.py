"""A renderer that is white while it hears something, and remembers what it was told."""

from __future__ import annotations

from collections import Counter

import numpy as np
from livekit import rtc

from avatar_core.worker import Moment, Renderer


class PlainRenderer(Renderer):
    def __init__(self, *, size: int = 64, fps: float = 25.0) -> None:
        self.width = self.height = size
        self.fps = fps
        self.told: Counter[str] = Counter()
        self.moments: list[Moment] = []
        self.heard_samples = 0
        self._black, self._white = self._picture(20), self._picture(230)

    def draw(self, moment: Moment) -> rtc.VideoFrame:
        self.moments.append(moment)
        middle = moment.audio[moment.audio.size // 3 : -moment.audio.size // 3 or None]
        loud = middle.size and int(np.abs(middle.astype(np.int32)).max()) > 2000
        return self._white if loud else self._black

    def hear(self, frame: rtc.AudioFrame) -> None:
        self.told["hear"] += 1
        self.heard_samples += frame.samples_per_channel

    def interrupted(self) -> None:
        self.told["interrupted"] += 1

    def idle(self) -> None:
        self.told["idle"] += 1

    def close(self) -> None:
        self.told["close"] += 1

    def _picture(self, luma: int) -> rtc.VideoFrame:
        pixels = self.width * self.height
        data = bytes([luma]) * pixels + b"\x80" * (pixels // 2)
        return rtc.VideoFrame(self.width, self.height, rtc.VideoBufferType.I420, data)
