"""Figures for a developer, written over the picture: state, segment, position, latency, level."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from avatar_core.worker.renderer import Moment

from .i420 import Area, Bytes, frame_planes

_CHARACTERS = "".join(chr(code) for code in range(32, 127))
_WHITE = 235  # in limited range
_QUIET_DB = -60.0


@dataclass(frozen=True, slots=True)
class _Font:
    """Glyphs as luma; the default font's figures are all of one width, so they do not dance."""

    glyphs: dict[str, Bytes]
    digit: int
    height: int


class Overlay:
    """Writes a panel into the upper left corner of I420 frames."""

    def __init__(self, *, width: int, height: int) -> None:
        """Choose a letter size that can be read.

        Args:
            width: Frame width in pixels.
            height: Frame height in pixels.
        """
        self._size = (width, height)
        self._font = _font(max(9, round(min(width, height) / 32)))

    def write(
        self,
        data: bytearray,
        moment: Moment,
        *,
        state: str | None,
        latency: float | None,
        level: float,
    ) -> None:
        """Write the panel into a frame.

        Args:
            data: I420 frame, changed in place.
            moment: What the frame shows.
            state: The provider's state, if known.
            latency: Seconds from the arrival of sound to its being heard, if known.
            level: Loudness in dB of full scale.
        """
        heard = max(0.0, min(1.0, 1 - level / _QUIET_DB))
        rows = [
            ("state", state or "-"),
            ("agent", moment.agent_state or "-"),
            ("segment", f"{moment.segment}{' playing' if moment.speaking else ''}"),
            ("position", f"{moment.position:.2f} s"),
            ("latency", "-" if latency is None else f"{latency * 1000:.0f} ms"),
            ("level", f"{level:.0f} dB" if level > _QUIET_DB else "-"),
        ]
        font, (width, height) = self._font, self._size
        margin = font.height // 2
        right, bottom = 19 * font.digit + 2 * margin, len(rows) * font.height + 3 * margin
        panel = Area.around(0, 0, right, bottom, width=width, height=height)
        planes = frame_planes(data, width=width, height=height).crop(panel)
        # Darkened and greyed, so that white letters can be read over anything.
        planes.y[:] = (planes.y >> 2) + 12
        for chroma in (planes.u, planes.v):
            chroma[:] = (chroma >> 1) + 64
        for row, (name, figure) in enumerate(rows):
            y = margin + row * font.height
            self._line(planes.y, name, margin, y)
            self._line(planes.y, figure, margin + 8 * font.digit, y)
        top = margin + len(rows) * font.height + margin // 2
        full = panel.width - 2 * margin
        planes.y[top : top + margin, margin : margin + full] = 60
        planes.y[top : top + margin, margin : margin + round(full * heard)] = _WHITE

    def _line(self, luma: Bytes, text: str, x: int, y: int) -> None:
        font = self._font
        for character in text:
            glyph = font.glyphs.get(character, font.glyphs["?"])
            place = luma[y : y + font.height, x : x + glyph.shape[1]]
            np.maximum(place, glyph[: place.shape[0], : place.shape[1]], out=place)
            x += glyph.shape[1]


@lru_cache(maxsize=8)
def _font(size: int) -> _Font:
    letters = ImageFont.load_default(size)
    boxes = [letters.getbbox(character) for character in _CHARACTERS]
    height = round(max(box[3] for box in boxes)) + 2
    glyphs = {}
    for character in _CHARACTERS:
        # The font's space is too narrow between a figure and its unit.
        advance = letters.getlength("n" if character == " " else character)
        image = Image.new("L", (max(1, round(advance)), height), 0)
        ImageDraw.Draw(image).text((0, 0), character, fill=_WHITE, font=letters)
        glyphs[character] = np.asarray(image, np.uint8)
    return _Font(glyphs, round(letters.getlength("0")), height)
