"""What makes two faces look the same: style, colours, size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .artwork import ROLES, default_colours, styles
from .colours import is_colour

SMALLEST, LARGEST = 64, 1920


@dataclass(frozen=True, slots=True)
class Look:
    """A checked choice of style, colours and size; equal looks share their pictures.

    Args:
        style: Name of a style.
        colours: Role and ``#rrggbb`` of every role the style has, in a fixed order.
        width: Frame width in pixels.
        height: Frame height in pixels.
    """

    style: str
    colours: tuple[tuple[str, str], ...]
    width: int
    height: int


def choose_look(*, style: str, colours: Mapping[str, str | None], width: int, height: int) -> Look:
    """Check a choice and fill in the style's own colours.

    Args:
        style: Name of a style.
        colours: Role to ``#rrggbb``, or to None for the style's own.
        width: Frame width in pixels, even, 64 to 1920.
        height: Frame height in pixels, even, 64 to 1920.

    Raises:
        ValueError: Something is not what it may be; the message says what may.
    """
    if style not in styles():
        raise ValueError(f"style {style!r} is not one of: {', '.join(styles())}")
    for name, length in (("width", width), ("height", height)):
        if length % 2 or not SMALLEST <= length <= LARGEST:
            raise ValueError(
                f"{name} {length} is not an even number of pixels from {SMALLEST} to {LARGEST}"
            )
    chosen = default_colours(style)
    for role, colour in colours.items():
        if role not in ROLES:
            raise ValueError(f"{role!r} is not one of: {', '.join(ROLES)}")
        if colour is None:
            continue
        if not is_colour(colour):
            raise ValueError(f"{role} {colour!r} is not a colour written #rrggbb")
        chosen[role] = colour.lower()
    return Look(style, tuple(sorted(chosen.items())), width, height)
