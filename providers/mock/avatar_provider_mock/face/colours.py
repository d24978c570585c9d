"""Recolouring: a layer is drawn in a style's own colours, and each shade follows its family."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import NamedTuple

_HEX = re.compile(r"#[0-9a-fA-F]{6}\b")


class Lab(NamedTuple):
    """A colour in OKLab: lightness 0..1 and two opponent axes."""

    lightness: float
    a: float
    b: float


def is_colour(text: str) -> bool:
    """Tell whether a text is a colour written ``#rrggbb``."""
    return _HEX.fullmatch(text) is not None


def to_lab(colour: str) -> Lab:
    """Convert ``#rrggbb`` to OKLab."""
    red, green, blue = (_linear(int(colour[i : i + 2], 16) / 255) for i in (1, 3, 5))
    long = (0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue) ** (1 / 3)
    medium = (0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue) ** (1 / 3)
    short = (0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue) ** (1 / 3)
    return Lab(
        0.2104542553 * long + 0.7936177850 * medium - 0.0040720468 * short,
        1.9779984951 * long - 2.4285922050 * medium + 0.4505937099 * short,
        0.0259040371 * long + 0.7827717662 * medium - 0.8086757660 * short,
    )


def to_hex(lab: Lab) -> str:
    """Convert OKLab to ``#rrggbb``, each channel cut to what a screen can show."""
    lightness, a, b = lab
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    channels = (
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    )
    return "#" + "".join(f"{round(255 * _companded(channel)):02x}" for channel in channels)


def recolouring(
    families: Mapping[str, tuple[str, ...]], chosen: Mapping[str, str]
) -> dict[str, str]:
    """Work out what each drawn colour becomes.

    Args:
        families: Role to its drawn colours, the base first, then the shades drawn around it.
        chosen: Role to the wanted base colour; a role left out keeps its drawn colours.

    Returns:
        Drawn colour to new colour, lower-case; colours that stay are left out.
    """
    table: dict[str, str] = {}
    for role, drawn in families.items():
        wanted = chosen.get(role, drawn[0]).lower()
        if wanted != drawn[0]:
            base, new = to_lab(drawn[0]), to_lab(wanted)
            table.update({shade: _follow(to_lab(shade), base, new) for shade in drawn})
    return table


def recolour(svg: str, table: Mapping[str, str]) -> str:
    """Replace the colours of a drawing by a table of :func:`recolouring`."""
    return _HEX.sub(lambda match: table.get(match[0].lower(), match[0].lower()), svg)


def _follow(shade: Lab, base: Lab, new: Lab) -> str:
    # Shadows keep their proportion to the base. Highlights on a dark base are smaller but never
    # vanish, or black hair would have no strands. A grey base has grey shades, whatever the drawn
    # base was tinted with.
    darkness = min(1.0, new.lightness / max(base.lightness, 0.05))
    tint = min(1.0, _chroma(new) / max(_chroma(base), 0.01))
    if shade.lightness < base.lightness:
        lightness = new.lightness * shade.lightness / max(base.lightness, 0.05)
    else:
        lightness = new.lightness + (0.4 + 0.6 * darkness) * (shade.lightness - base.lightness)
    return to_hex(
        Lab(
            min(1.0, lightness),
            new.a + tint * darkness * (shade.a - base.a),
            new.b + tint * darkness * (shade.b - base.b),
        )
    )


def _chroma(lab: Lab) -> float:
    return math.hypot(lab.a, lab.b)


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else float(((channel + 0.055) / 1.055) ** 2.4)


def _companded(channel: float) -> float:
    channel = min(1.0, max(0.0, channel))
    if channel <= 0.0031308:
        return 12.92 * channel
    return float(1.055 * channel ** (1 / 2.4) - 0.055)
