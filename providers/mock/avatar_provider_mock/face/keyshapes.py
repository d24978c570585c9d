"""Drawings that blend into each other: the same parts, other numbers."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

_SHAPE_ATTRIBUTES = re.compile(
    r"\b(d|cx|cy|rx|ry|r|x|y|x1|x2|y1|y2|width|height|opacity|fill-opacity|stroke-opacity"
    r'|stroke-width)="([^"]*)"'
)
_NUMBER = re.compile(r"-?(?:\d+\.?\d*|\.\d+)")
_PART = re.compile(r"<(path|ellipse|circle)\b([^>]*)>")
_OTHER_COMMANDS = re.compile(r"[^MLCZ\d\s.,-]")
_COMMAND = re.compile(r"([MLC])([^MLCZ]*)")
_CURVE = [  # weights of a curve's four points at some of its places, the end last
    ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3)
    for t in (0.15, 0.3, 0.4, 0.5, 0.6, 0.7, 0.85, 1.0)
]
_GAZE = 'class="gaze"'
_EDGE = 1.0  # units of the drawing board around what is drawn

Rect = tuple[float, float, float, float]


class ArtworkError(ValueError):
    """A style's files do not fit together; the message names the file."""


class KeyShapes:
    """A few extremes of one part of a face, and all that lies between."""

    def __init__(
        self, drawings: Mapping[str, str], *, needed: Collection[str], folder: str
    ) -> None:
        """Check that the drawings are there and have the same parts.

        Args:
            drawings: Name of the shape to SVG text.
            needed: Names of the shapes that will be asked for.
            folder: Where they are from, for messages.

        Raises:
            ArtworkError: A drawing is missing, or cannot be blended with the first.
        """
        if missing := sorted(set(needed) - set(drawings)):
            raise ArtworkError(f"{folder} lacks the drawings: {', '.join(missing)}")
        self._numbers: dict[str, tuple[float, ...]] = {}
        self._bounds: dict[str, Rect] = {}
        skeletons: dict[str, str] = {}
        for name, svg in drawings.items():
            file = f"{folder}/{name}.svg"
            skeletons[name], self._numbers[name] = _dissect(svg)
            self._bounds[name] = _bounds(svg, file=file)
            if skeletons[name] != next(iter(skeletons.values())):
                raise ArtworkError(
                    f"{file} has other parts, or other path commands, than the other drawings of "
                    "its folder: shapes blend only if nothing but numbers differs"
                )
        self._skeleton = next(iter(skeletons.values()))

    @property
    def names(self) -> frozenset[str]:
        """Names of the shapes."""
        return frozenset(self._numbers)

    def blend(
        self, weights: Mapping[str, float], *, gaze: tuple[float, float] = (0.0, 0.0)
    ) -> tuple[str, Rect]:
        """Draw a mix of shapes.

        Args:
            weights: Shape to weight, none negative; they should add up to 1.
            gaze: Shift of the parts with class ``gaze``, in units of the drawing board.

        Returns:
            SVG text, and the rectangle of the board outside of which it draws nothing.
        """
        svg = self._skeleton % _mixed(self._numbers, weights)
        svg = svg.replace(_GAZE, f'transform="translate({gaze[0]:.2f} {gaze[1]:.2f})"')
        # Every point of the mix is the mix of points, so the mix of the bounds bounds it.
        left, top, right, bottom = _mixed(self._bounds, weights)
        return svg, (
            left - _EDGE + min(0.0, gaze[0]),
            top - _EDGE + min(0.0, gaze[1]),
            right + _EDGE + max(0.0, gaze[0]),
            bottom + _EDGE + max(0.0, gaze[1]),
        )


def _mixed(
    shapes: Mapping[str, tuple[float, ...]], weights: Mapping[str, float]
) -> tuple[float, ...]:
    mixed = [0.0] * len(next(iter(shapes.values())))
    for name, weight in weights.items():
        if weight > 1e-4:
            mixed = [
                total + weight * number for total, number in zip(mixed, shapes[name], strict=True)
            ]
    return tuple(mixed)


def _dissect(svg: str) -> tuple[str, tuple[float, ...]]:
    numbers: list[float] = []

    def take(match: re.Match[str]) -> str:
        numbers.append(float(match[0]))
        return "%.2f"

    def attribute(match: re.Match[str]) -> str:
        return f'{match[1]}="{_NUMBER.sub(take, match[2])}"'

    return _SHAPE_ATTRIBUTES.sub(attribute, svg.replace("%", "%%")), tuple(numbers)


def _bounds(svg: str, *, file: str) -> Rect:
    xs: list[float] = []
    ys: list[float] = []
    for part in _PART.finditer(svg):
        attributes = dict(_SHAPE_ATTRIBUTES.findall(part[2]))
        margin = float(attributes.get("stroke-width", 0)) / 2
        if part[1] == "path":
            across, down = _outline(attributes["d"], file=file)
        else:
            x, y, r = (float(attributes.get(name, 0)) for name in ("cx", "cy", "r"))
            rx, ry = (float(attributes.get(name, r)) for name in ("rx", "ry"))
            across, down = [x - rx, x + rx], [y - ry, y + ry]
        xs += [min(across) - margin, max(across) + margin]
        ys += [min(down) - margin, max(down) + margin]
    if not xs:
        raise ArtworkError(f"{file} has no path, ellipse or circle")
    return min(xs), min(ys), max(xs), max(ys)


def _outline(path: str, *, file: str) -> tuple[list[float], list[float]]:
    """Return the coordinates of points along a path, close enough for its bounds."""
    if _OTHER_COMMANDS.search(path):
        raise ArtworkError(f"{file}: paths may have the commands M, L, C and Z only")
    across: list[float] = []
    down: list[float] = []
    for command in _COMMAND.finditer(path):
        numbers = [float(number) for number in _NUMBER.findall(command[2])]
        ends = list(zip(numbers[0::2], numbers[1::2], strict=True))
        if command[1] != "C":
            across += [x for x, _ in ends]
            down += [y for _, y in ends]
            continue
        for one, two, end in zip(ends[0::3], ends[1::3], ends[2::3], strict=True):
            start = (across[-1], down[-1])
            for a, b, c, d in _CURVE:
                across.append(a * start[0] + b * one[0] + c * two[0] + d * end[0])
                down.append(a * start[1] + b * one[1] + c * two[1] + d * end[1])
    return across, down
