"""Where the drawing board and its layers go in a frame of any shape."""

from __future__ import annotations

import math

from .artwork import BOARD, Rig
from .i420 import Area
from .keyshapes import Rect
from .raster import Placement

_TILT = math.radians(1.3)  # of a head turned by one
_SHIFT = (1.0, 2.2)  # of a head turned and lowered by one, in units of the drawing board
_RISE = 2.4  # of a full chest
_NARROWEST = 372  # units of the drawing board that must fit a narrow frame: the hair and a margin
_BODY = 1390  # units of the drawing board that the body reaches down, with a margin for breath
_STEP = 0.55  # pixels a feature moves from one kept position of the head to the next
_FEATURE_TURN, _FEATURE_NOD = 6.5, 3.1  # units a feature moves with a head turned, lowered by one


class Placing:
    """Turns board coordinates into pixels of one frame size."""

    def __init__(self, rig: Rig, *, width: int, height: int) -> None:
        """Fit the board into a frame.

        Args:
            rig: How the layers move.
            width: Frame width in pixels.
            height: Frame height in pixels.
        """
        self._rig = rig
        self._size = (width, height)
        self._scale = min(height / BOARD, width / _NARROWEST)
        # A narrow frame has room above and below: a third of it goes above, unless the body
        # would then end inside the frame.
        left = (width - self._scale * BOARD) / 2
        top = max((height - self._scale * BOARD) / 3, height - self._scale * _BODY)
        self.board = Placement(self._scale, 0.0, left, 0.0, self._scale, top)
        # Larger frames take longer steps: the number of positions, and so memory, stays bounded.
        step = _STEP / min(1.0, self._scale)
        self._turn_step, self._nod_step = step / _FEATURE_TURN, step / _FEATURE_NOD

    def kept(self, *, turn: float, nod: float) -> tuple[float, float]:
        """Return the nearest of the head positions that are kept; steps are too small to see."""
        return (
            round(turn / self._turn_step) * self._turn_step,
            round(nod / self._nod_step) * self._nod_step,
        )

    def backdrop(self) -> Placement:
        """Return the place of the background: it fills the frame and is cut, never stretched."""
        width, height = self._size
        scale = max(width, height) / BOARD
        left, top = (width - scale * BOARD) / 2, (height - scale * BOARD) / 2
        return Placement(scale, 0.0, left, 0.0, scale, top)

    def chest(self, *, breath: float) -> Placement:
        """Return the place of the body."""
        return shifted(0.0, -_RISE * breath).then(self.board)

    def layer(self, name: str, *, turn: float, nod: float) -> Placement:
        """Return the place of a layer that belongs to the head."""
        rig = self._rig
        across, down = rig.depth[name]
        angle = _TILT * turn
        cos, sin = math.cos(angle), math.sin(angle)
        x, y = rig.pivot
        return (
            shifted((_SHIFT[0] + across) * turn - x, (_SHIFT[1] + down) * nod - y)
            .then(Placement(cos, -sin, x, sin, cos, y))
            .then(self.board)
        )

    def area(self, rect: Rect, place: Placement | None = None) -> Area:
        """Return the pixels a rectangle of the board can touch."""
        place = place or self.board
        corners = [(x, y) for x in rect[0::2] for y in rect[1::2]]
        xs = [place.xx * x + place.xy * y + place.dx for x, y in corners]
        ys = [place.yx * x + place.yy * y + place.dy for x, y in corners]
        width, height = self._size
        return Area.around(min(xs), min(ys), max(xs), max(ys), width=width, height=height)


def shifted(across: float, down: float) -> Placement:
    """Return the placement that only moves."""
    return Placement(1.0, 0.0, across, 0.0, 1.0, down)
