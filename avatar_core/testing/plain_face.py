"""The least face there is, for tests that are not about faces: grey, lighter while it speaks."""

from __future__ import annotations

from livekit import rtc

from avatar_core.worker.renderer import Moment, Renderer

QUIET, SPEAKING = 60, 200
"""Luma of the picture."""


class PlainFace(Renderer):
    """A grey square.

    Args:
        size: Width and height in pixels.
        fps: Pictures a second.
    """

    def __init__(self, *, size: int = 64, fps: float = 10.0) -> None:
        self.width = self.height = size
        self.fps = fps
        self._quiet, self._speaking = self._picture(QUIET), self._picture(SPEAKING)

    def draw(self, moment: Moment) -> rtc.VideoFrame:
        """Return one of the two pictures."""
        return self._speaking if moment.speaking else self._quiet

    def _picture(self, luma: int) -> rtc.VideoFrame:
        pixels = self.width * self.height
        data = bytes([luma]) * pixels + b"\x80" * (pixels // 2)
        return rtc.VideoFrame(self.width, self.height, rtc.VideoBufferType.I420, data)
