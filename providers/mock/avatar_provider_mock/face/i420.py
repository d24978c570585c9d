"""Pixels as an encoder wants them: I420 planes, BT.601 limited range, and pasting between them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

# Rows: red, green, blue, alpha of premultiplied 8-bit pixels. Columns: Y and how much is covered;
# U, V and how much is covered. The offsets of limited range sit in the alpha row, so the same
# product is right for opaque and for translucent pixels.
_LUMA = np.array([[65.481, 0], [128.553, 0], [24.966, 0], [16, 1]], np.float32) / np.float32(255)
_CHROMA = np.array(
    [[-37.797, 112, 0], [-74.203, -93.786, 0], [112, -18.214, 0], [128, 128, 1]], np.float32
) / np.float32(255)
_ROUND = np.float32(0.5)


@dataclass(frozen=True, slots=True)
class Area:
    """A rectangle of a frame in pixels; all four are even, so chroma lines up.

    Args:
        x: Left edge.
        y: Top edge.
        width: Width.
        height: Height.
    """

    x: int
    y: int
    width: int
    height: int

    @staticmethod
    def around(
        left: float, top: float, right: float, bottom: float, *, width: int, height: int
    ) -> Area:
        """Return the smallest area of a ``width`` x ``height`` frame that covers a rectangle."""
        x0, y0 = (max(0, int(edge // 2) * 2) for edge in (left, top))
        x1 = min(width, -int(-right // 2) * 2)
        y1 = min(height, -int(-bottom // 2) * 2)
        return Area(min(x0, width), min(y0, height), max(0, x1 - x0), max(0, y1 - y0))

    def meets(self, other: Area) -> bool:
        """Tell whether some pixel is in both areas."""
        return (
            self.x < other.x + other.width
            and other.x < self.x + self.width
            and self.y < other.y + other.height
            and other.y < self.y + self.height
        )

    def joined(self, other: Area) -> Area:
        """Return the smallest area that covers both."""
        x, y = min(self.x, other.x), min(self.y, other.y)
        right = max(self.x + self.width, other.x + other.width)
        bottom = max(self.y + self.height, other.y + other.height)
        return Area(x, y, right - x, bottom - y)


@dataclass(frozen=True, slots=True)
class Planes:
    """The three planes of a picture: Y full size, U and V half."""

    y: Bytes
    u: Bytes
    v: Bytes

    @property
    def nbytes(self) -> int:
        """Bytes of memory the planes take."""
        return self.y.nbytes + self.u.nbytes + self.v.nbytes

    def crop(self, area: Area) -> Planes:
        """Return the part of a frame inside an area, without copying."""
        x, y, width, height = area.x // 2, area.y // 2, area.width // 2, area.height // 2
        return Planes(
            self.y[area.y : area.y + area.height, area.x : area.x + area.width],
            self.u[y : y + height, x : x + width],
            self.v[y : y + height, x : x + width],
        )


@dataclass(frozen=True, slots=True)
class Patch:
    """A picture and the place of the frame it belongs to."""

    area: Area
    planes: Planes

    def paste(self, frame: Planes) -> None:
        """Copy the picture into a frame."""
        target = frame.crop(self.area)
        target.y[:] = self.planes.y
        target.u[:] = self.planes.u
        target.v[:] = self.planes.v


def frame_planes(data: bytearray, *, width: int, height: int) -> Planes:
    """Return a frame's buffer as planes that write through to it."""
    flat = np.frombuffer(data, np.uint8)
    luma, chroma = width * height, width * height // 4
    return Planes(
        flat[:luma].reshape(height, width),
        flat[luma : luma + chroma].reshape(height // 2, width // 2),
        flat[luma + chroma :].reshape(height // 2, width // 2),
    )


def opaque(rgba: Bytes) -> Planes:
    """Convert pixels that hide what is below.

    Args:
        rgba: Shape (height, width, 4), both even; alpha is taken as 255.

    Returns:
        Planes of the same size.
    """
    pixels = rgba.astype(np.float32)
    half = _halved(pixels)
    luma = pixels @ _LUMA[:, 0]
    u, v = half @ _CHROMA[:, 0], half @ _CHROMA[:, 1]
    for plane in (luma, u, v):
        plane += _ROUND
    return Planes(luma.astype(np.uint8), u.astype(np.uint8), v.astype(np.uint8))


def over(rgba: Bytes, below: Planes) -> Planes:
    """Lay translucent pixels over a picture.

    Args:
        rgba: Premultiplied, shape (height, width, 4), both even.
        below: Planes of the same size; not changed.

    Returns:
        New planes.
    """
    pixels = rgba.astype(np.float32)
    luma = pixels @ _LUMA
    chroma = _halved(pixels) @ _CHROMA
    clear, clear_half = 1 - luma[..., 1], 1 - chroma[..., 2]
    return Planes(
        _laid(luma[..., 0], clear, below.y),
        _laid(chroma[..., 0], clear_half, below.u),
        _laid(chroma[..., 1], clear_half, below.v),
    )


def _laid(above: Floats, clear: Floats, below: Bytes) -> Bytes:
    mixed = clear * below
    mixed += above
    mixed += _ROUND  # premultiplied values stay within limited range, so nothing can overflow
    return mixed.astype(np.uint8)


def _halved(pixels: Floats) -> Floats:
    rows = pixels[0::2] + pixels[1::2]
    halved: Floats = rows[:, 0::2] + rows[:, 1::2]
    halved *= np.float32(0.25)
    return halved
