"""The drawings of one style: SVG layers, key shapes that blend into each other, and a rig.

A style is a folder of SVG files, all on the same 512 x 512 drawing board, and ``rig.json``:
which colours belong to which role, how layers follow the head, and where the moving parts are.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from .colours import recolour, recolouring

BOARD = 512
ROLES = ("background", "skin", "hair", "shirt", "accent")

_FOLDER = Path(__file__).parent / "layers"
_SHAPE_ATTRIBUTES = re.compile(
    r'\b(d|cx|cy|rx|ry|r|x|y|x1|x2|y1|y2|width|height|opacity|fill-opacity|stroke-opacity'
    r'|stroke-width)="([^"]*)"'
)
_NUMBER = re.compile(r"-?(?:\d+\.?\d*|\.\d+)")
_GAZE = 'class="gaze"'

Rect = tuple[float, float, float, float]


class ArtworkError(ValueError):
    """A style's files do not fit together; the message names the file."""


@dataclass(frozen=True, slots=True)
class Rig:
    """How a style's layers move; all lengths in units of the drawing board.

    Args:
        pivot: Point about which the head tilts.
        depth: Layer or group to how far it shifts when the head turns by one, to the side and down.
        head: Left, top, right, bottom of what a moving head can touch.
        body: The same for what breathing moves.
        features: The same for brows, eyes and mouth while the head is at rest.
        gaze: How far the irises travel at a full glance, to the side and down.
    """

    pivot: tuple[float, float]
    depth: Mapping[str, tuple[float, float]]
    head: Rect
    body: Rect
    features: Mapping[str, Rect]
    gaze: tuple[float, float]


class KeyShapes:
    """Drawings with the same parts, numbers of which can be blended."""

    def __init__(self, drawings: Mapping[str, str], *, folder: str) -> None:
        """Check that the drawings have the same parts.

        Args:
            drawings: Name of the shape to SVG text.
            folder: Where they are from, for messages.

        Raises:
            ArtworkError: A drawing has other parts than the first.
        """
        self._numbers: dict[str, tuple[float, ...]] = {}
        self._skeleton: str | None = None
        for name, svg in drawings.items():
            skeleton, numbers = _dissect(svg)
            if self._skeleton is None:
                self._skeleton = skeleton
            elif skeleton != self._skeleton:
                raise ArtworkError(
                    f"{folder}/{name}.svg has other parts, or other path commands, than the other "
                    "drawings of that folder: shapes blend only if nothing but numbers differs"
                )
            self._numbers[name] = numbers
        if self._skeleton is None:
            raise ArtworkError(f"{folder} has no drawings")

    @property
    def names(self) -> frozenset[str]:
        """Names of the shapes."""
        return frozenset(self._numbers)

    def blend(
        self, weights: Mapping[str, float], *, gaze: tuple[float, float] = (0.0, 0.0)
    ) -> str:
        """Draw a mix of shapes.

        Args:
            weights: Shape to weight; they should add up to 1.
            gaze: Shift of the parts with class ``gaze``, in units of the drawing board.

        Returns:
            SVG text.
        """
        columns = [
            (self._numbers[name], weight) for name, weight in weights.items() if abs(weight) > 1e-4
        ]
        mixed = [0.0] * len(next(iter(self._numbers.values())))
        for numbers, weight in columns:
            mixed = [total + weight * number for total, number in zip(mixed, numbers, strict=True)]
        assert self._skeleton is not None
        svg = self._skeleton % tuple(mixed)
        return svg.replace(_GAZE, f'transform="translate({gaze[0]:.2f} {gaze[1]:.2f})"')


@dataclass(frozen=True, slots=True)
class Artwork:
    """One style in one choice of colours.

    Args:
        rig: How it moves.
        layers: Name to SVG text of what is drawn as it is.
        features: Key shapes of brows, eyes and mouth.
    """

    rig: Rig
    layers: Mapping[str, str]
    features: Mapping[str, KeyShapes]


def styles() -> list[str]:
    """Return the names of the styles there are."""
    return sorted(rig.parent.name for rig in _FOLDER.glob("*/rig.json"))


def default_colours(style: str) -> dict[str, str]:
    """Return the colours a style is drawn in, by role."""
    return {role: colours[0] for role, colours in _families(style).items()}


def load_artwork(style: str, colours: Mapping[str, str]) -> Artwork:
    """Read a style from disk.

    Args:
        style: One of :func:`styles`.
        colours: Role to ``#rrggbb``; a role left out keeps its drawn colours.

    Returns:
        The recoloured drawings.

    Raises:
        ArtworkError: The files do not fit together.
    """
    table = recolouring(_families(style), colours)

    def read(path: Path) -> str:
        return recolour(path.read_text(encoding="utf-8"), table)

    def shapes(part: str) -> KeyShapes:
        files = sorted((_FOLDER / style / part).glob("*.svg"))
        return KeyShapes({file.stem: read(file) for file in files}, folder=f"{style}/{part}")

    rig = _rig_file(style)
    return Artwork(
        rig=Rig(
            pivot=tuple(rig["pivot"]),
            depth={name: tuple(shift) for name, shift in rig["depth"].items()},
            head=tuple(rig["head"]),
            body=tuple(rig["body"]),
            features={name: tuple(rect) for name, rect in rig["features"].items()},
            gaze=tuple(rig["gaze"]),
        ),
        layers={file.stem: read(file) for file in sorted((_FOLDER / style).glob("*.svg"))},
        features={name: shapes(name) for name in rig["features"]},
    )


@lru_cache(maxsize=8)
def _rig_file(style: str) -> dict[str, Any]:
    rig: dict[str, Any] = json.loads((_FOLDER / style / "rig.json").read_text(encoding="utf-8"))
    return rig


def _families(style: str) -> dict[str, tuple[str, ...]]:
    colours: dict[str, list[str]] = _rig_file(style)["colours"]
    return {role: tuple(shade.lower() for shade in shades) for role, shades in colours.items()}


def _dissect(svg: str) -> tuple[str, tuple[float, ...]]:
    numbers: list[float] = []

    def take(match: re.Match[str]) -> str:
        numbers.append(float(match[0]))
        return "%.2f"

    def attribute(match: re.Match[str]) -> str:
        return f'{match[1]}="{_NUMBER.sub(take, match[2])}"'

    skeleton = _SHAPE_ATTRIBUTES.sub(attribute, svg.replace("%", "%%"))
    return skeleton, tuple(numbers)
