"""Prepared pictures of one look, shared by all avatars that have it.

Nothing is drawn for every frame: what moves is drawn once per position, turned into I420 with what
lies below already under it, and kept. A frame is then a handful of copies.
"""

from __future__ import annotations

import threading
from collections.abc import Hashable, Sequence
from dataclasses import replace
from functools import reduce
from weakref import WeakValueDictionary

from .artwork import FEATURES, load_artwork
from .expression import Expression, brow_weights, eye_weights, mouth_weights
from .i420 import Area, Bytes, Patch, Planes, frame_planes, opaque, over
from .kept import Kept
from .keyshapes import Rect
from .look import Look
from .placing import Placing, shifted
from .raster import Placement, rasterise

_HEAD_LAYERS = ("hair_back", "neck", "head", "nose", "hair_front")

Drawing = tuple[str, Placement]

_stages: WeakValueDictionary[Look, Stage] = WeakValueDictionary()
_stages_lock = threading.Lock()


def shared_stage(look: Look) -> Stage:
    """Return the stage for a look: the one others use already, or a new one.

    A stage lives as long as one of those who asked for it keeps it.
    """
    with _stages_lock:
        stage = _stages.get(look)
        if stage is None:
            stage = _stages[look] = Stage(look)
        return stage


class Stage:
    """Draws expressions of one look, from pictures it keeps up to a limit of memory."""

    def __init__(self, look: Look) -> None:
        """Load the drawings and draw what never moves.

        Args:
            look: Style, colours and size.
        """
        self.look = look
        self._art = load_artwork(look.style, dict(look.colours))
        width, height = look.width, look.height
        self._placing = Placing(self._art.rig, width=width, height=height)
        background = rasterise([self._backdrop()], width=width, height=height)
        self._base = bytearray(width * height * 3 // 2)
        Patch(Area(0, 0, width, height), opaque(background)).paste(self._planes(self._base))
        self._body_area = self._placing.area(self._art.rig.body)
        head = self._placing.area(self._art.rig.head)
        # Widened to even pixels the two could overlap by a row, and one would erase the other.
        self._head_area = replace(head, height=min(head.height, self._body_area.y - head.y))
        self._behind_head = _cut(background, self._head_area)
        self._behind_body = _cut(background, self._body_area)
        # 18 MB hold the positions a head takes in a call at 512 x 512. Larger frames get more, to
        # a point: what does not fit is drawn again, for some milliseconds each.
        limit = int(min(72.0, max(4.0, 18.0 * width * height / 512**2)) * 2**20)
        self._pictures: Kept[Patch] = Kept(limit=limit, size=_patch_bytes)
        self._patches: Kept[Patch] = Kept(limit=limit // 6, size=_patch_bytes)
        self._blends: Kept[tuple[str, Rect]] = Kept(limit=2**20, size=lambda blend: len(blend[0]))

    @property
    def nbytes(self) -> int:
        """Bytes kept now."""
        still = self._behind_head.nbytes + self._behind_body.nbytes + len(self._base)
        return still + self._pictures.nbytes + self._patches.nbytes + self._blends.nbytes

    def draw(self, expression: Expression) -> bytearray:
        """Return a new I420 frame.

        Args:
            expression: What to show; it is rounded to the nearest kept position.
        """
        pose = _rounded(expression, self._placing)
        frame = bytearray(self._base)
        planes = self._planes(frame)
        head = self._pictures.get(("head", pose.turn, pose.nod), lambda: self._make_head(pose))
        body = self._pictures.get(("body", pose.breath), lambda: self._make_body(pose))
        for patch in (body, head, *self._features(pose, head)):
            patch.paste(planes)
        return frame

    def drawings(self, expression: Expression) -> list[Drawing]:
        """Return all that is drawn for an expression, the lowest layer first.

        :meth:`draw` gives the picture that rasterising these at the size of the frame would.
        """
        pose = _rounded(expression, self._placing)
        body = self._art.layers["body"], self._placing.chest(breath=pose.breath)
        features = [
            (self._blended(name, pose)[0], self._placing.layer(name, turn=pose.turn, nod=pose.nod))
            for name in FEATURES
        ]
        return [self._backdrop(), *self._head(pose), body, *features]

    def _head(self, pose: Expression) -> list[Drawing]:
        return [
            # The neck stands still: it is where what the head moves meets what breath moves.
            (self._art.layers[name], self._placing.board)
            if name == "neck"
            else (
                self._art.layers[name],
                self._placing.layer(name, turn=pose.turn, nod=pose.nod),
            )
            for name in _HEAD_LAYERS
        ]

    def _make_head(self, pose: Expression) -> Patch:
        area = self._head_area
        return Patch(area, opaque(_rasterised(self._head(pose), area, onto=self._behind_head)))

    def _make_body(self, pose: Expression) -> Patch:
        area = self._body_area
        drawings = [
            (self._art.layers["neck"], self._placing.board),
            (self._art.layers["body"], self._placing.chest(breath=pose.breath)),
        ]
        return Patch(area, opaque(_rasterised(drawings, area, onto=self._behind_body)))

    def _features(self, pose: Expression, head: Patch) -> list[Patch]:
        upper = self._group(FEATURES[:-1], pose, head)
        mouth = self._group(FEATURES[-1:], pose, head)
        if upper.area.meets(mouth.area):
            # Pasting one after the other would erase part of the first.
            return [self._group(FEATURES, pose, head)]
        return [upper, mouth]

    def _group(self, names: Sequence[str], pose: Expression, head: Patch) -> Patch:
        def make() -> Patch:
            drawings, areas = [], []
            for name in names:
                svg, bounds = self._blended(name, pose)
                place = self._placing.layer(name, turn=pose.turn, nod=pose.nod)
                drawings.append((svg, place))
                areas.append(self._placing.area(bounds, place))
            area = reduce(Area.joined, areas)
            inside = replace(area, x=area.x - head.area.x, y=area.y - head.area.y)
            return Patch(area, over(_rasterised(drawings, area), head.planes.crop(inside)))

        shown = tuple(_shown(name, pose) for name in names)
        return self._patches.get((pose.turn, pose.nod, names, shown), make)

    def _blended(self, name: str, pose: Expression) -> tuple[str, Rect]:
        def make() -> tuple[str, Rect]:
            shapes = self._art.features[name]
            if name == "mouth":
                return shapes.blend(mouth_weights(pose.mouth))
            if name == "brows":
                return shapes.blend(brow_weights(pose))
            across, down = self._art.rig.gaze
            gaze = (pose.gaze[0] * across, pose.gaze[1] * down)
            return shapes.blend(eye_weights(pose), gaze=gaze)

        return self._blends.get((name, _shown(name, pose)), make)

    def _backdrop(self) -> Drawing:
        return self._art.layers["background"], self._placing.backdrop()

    def _planes(self, data: bytearray) -> Planes:
        return frame_planes(data, width=self.look.width, height=self.look.height)


def _rounded(expression: Expression, placing: Placing) -> Expression:
    """Return the nearest expression of those that are kept; the steps are too small to see."""
    mouth = expression.mouth
    turn, nod = placing.kept(turn=expression.turn, nod=expression.nod)
    return Expression(
        turn=turn,
        nod=nod,
        breath=_nearest(expression.breath, 8),
        gaze=(_nearest(expression.gaze[0], 5), _nearest(expression.gaze[1], 4)),
        blink=_nearest(expression.blink, 5),
        wide=_nearest(expression.wide, 4),
        smile=_nearest(expression.smile, 2),
        raised=_nearest(expression.raised, 5),
        attentive=_nearest(expression.attentive, 3),
        thinking=_nearest(expression.thinking, 3),
        mouth=replace(
            mouth,
            open=_nearest(mouth.open, 10),
            wide=_nearest(mouth.wide, 4),
            hiss=_nearest(mouth.hiss, 3),
            bite=_nearest(mouth.bite, 3),
            press=_nearest(mouth.press, 3),
        ),
    )


def _shown(name: str, pose: Expression) -> Hashable:
    if name == "mouth":
        return pose.mouth
    if name == "brows":
        return (pose.raised, pose.attentive, pose.thinking)
    return (pose.gaze, pose.blink, pose.wide, pose.smile)


def _rasterised(drawings: list[Drawing], area: Area, onto: Bytes | None = None) -> Bytes:
    moved = [(svg, place.then(shifted(-area.x, -area.y))) for svg, place in drawings]
    return rasterise(moved, width=area.width, height=area.height, onto=onto)


def _cut(pixels: Bytes, area: Area) -> Bytes:
    rows = slice(area.y, area.y + area.height)
    cut: Bytes = pixels[rows, area.x : area.x + area.width].copy()
    return cut


def _nearest(value: float, steps: int) -> float:
    return round(value * steps) / steps


def _patch_bytes(patch: Patch) -> int:
    return patch.planes.nbytes
