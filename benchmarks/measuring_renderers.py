"""Renderers for measurements."""

from __future__ import annotations

import numpy as np
from livekit import rtc

from avatar_core.worker import Moment, Renderer


def plain_frame(size: int, luma: int) -> rtc.VideoFrame:
    data = bytes([luma]) * (size * size) + bytes([128]) * (size * size // 2)
    return rtc.VideoFrame(size, size, rtc.VideoBufferType.I420, data)


class Flash(Renderer):
    """White while it hears sound, black otherwise: shows what is in step with what."""

    def __init__(self, size: int = 512, fps: float = 25.0) -> None:
        self.width = self.height = size
        self.fps = fps
        self._black, self._white = plain_frame(size, 20), plain_frame(size, 230)

    def draw(self, moment: Moment) -> rtc.VideoFrame:
        loud = moment.audio.size and int(np.abs(moment.audio.astype(np.int32)).max()) > 3000
        return self._white if loud else self._black


class Prepared(Renderer):
    """Shows pictures that were drawn before: the floor of what any renderer costs."""

    def __init__(self, frames: list[rtc.VideoFrame], fps: float = 25.0) -> None:
        self.width, self.height = frames[0].width, frames[0].height
        self.fps = fps
        self._frames = frames
        self._next = 0

    def draw(self, moment: Moment) -> rtc.VideoFrame:
        self._next = (self._next + 1) % len(self._frames)
        return self._frames[self._next]
