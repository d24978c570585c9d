"""The picture a film shows while there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont

if TYPE_CHECKING:
    import numpy.typing as npt

BACKGROUND = (24, 26, 33)
FAINT = (138, 145, 163)


def no_video_still(width: int, height: int) -> npt.NDArray[np.uint8]:
    """Draw a card that says that there is sound only, rgb24."""
    card = Image.new("RGB", (width, height), BACKGROUND)
    ImageDraw.Draw(card).text(
        (width / 2, height / 2),
        "no video: voice only",
        fill=FAINT,
        font=ImageFont.load_default(height // 20),
        anchor="mm",
    )
    return np.asarray(card)
