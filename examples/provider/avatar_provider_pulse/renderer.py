"""A disc that grows with the voice."""

from __future__ import annotations

import numpy as np
from livekit import rtc

from avatar_core.worker.renderer import Moment, Renderer


class PulseRenderer(Renderer):
    def __init__(self, *, size: int = 256, fps: float = 25) -> None:
        self.width = self.height = size
        self.fps = fps
        y, x = np.mgrid[:size, :size]
        self._distance = np.hypot(x - size / 2, y - size / 2) / size

    def draw(self, moment: Moment) -> rtc.VideoFrame:
        level = float(np.abs(moment.audio.astype(np.int32)).mean()) if moment.audio.size else 0.0
        radius = 0.15 + min(level / 20000, 0.3)
        luma = np.where(self._distance < radius, 210, 40).astype(np.uint8)
        grey = bytes([128]) * (luma.size // 2)  # both colour planes, without colour
        return rtc.VideoFrame(
            self.width, self.height, rtc.VideoBufferType.I420, luma.tobytes() + grey
        )
