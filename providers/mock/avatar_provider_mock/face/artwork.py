"""The drawings of one style: SVG layers, key shapes that blend into each other, and a rig.

A style is a folder of SVG files, all on the same 512 x 512 drawing board, and ``rig.json``:
which colours belong to which role, how layers follow the head, and where the moving parts are.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from .colours import recolour, recolouring
from .keyshapes import KeyShapes, Rect

BOARD = 512
FEATURES = ("brows", "eyes", "mouth")  # drawn over the head, in this order
_SHAPES = {
    "brows": ("attentive", "calm", "raised", "thinking"),
    "eyes": ("closed", "open", "smile", "wide"),
    "mouth": ("aa", "ah", "ee", "eh", "ff", "oh", "oo", "press", "rest", "ss"),
}
ROLES = ("background", "skin", "hair", "shirt", "accent")

_FOLDER = Path(__file__).parent / "layers"


@dataclass(frozen=True, slots=True)
class Rig:
    """How a style's layers move; all lengths in units of the drawing board.

    Args:
        pivot: Point about which the head tilts.
        depth: Layer or group to how far it shifts when the head turns by one, to the side and down.
        head: Left, top, right, bottom of what a moving head can touch.
        body: The same for what breathing moves.
        gaze: How far the irises travel at a full glance, to the side and down.
    """

    pivot: tuple[float, float]
    depth: Mapping[str, tuple[float, float]]
    head: Rect
    body: Rect
    gaze: tuple[float, float]


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
        drawings = {file.stem: read(file) for file in files}
        return KeyShapes(drawings, needed=_SHAPES[part], folder=f"{style}/{part}")

    rig = _rig_file(style)
    return Artwork(
        rig=Rig(
            pivot=tuple(rig["pivot"]),
            depth={name: tuple(shift) for name, shift in rig["depth"].items()},
            head=tuple(rig["head"]),
            body=tuple(rig["body"]),
            gaze=tuple(rig["gaze"]),
        ),
        layers={file.stem: read(file) for file in sorted((_FOLDER / style).glob("*.svg"))},
        features={name: shapes(name) for name in FEATURES},
    )


@lru_cache(maxsize=8)
def _rig_file(style: str) -> dict[str, Any]:
    rig: dict[str, Any] = json.loads((_FOLDER / style / "rig.json").read_text(encoding="utf-8"))
    return rig


def _families(style: str) -> dict[str, tuple[str, ...]]:
    colours: dict[str, list[str]] = _rig_file(style)["colours"]
    return {role: tuple(shade.lower() for shade in shades) for role, shades in colours.items()}
