"""A film at a glance: twelve pictures with their times, and the sound below them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from avatar_core.demo.still import BACKGROUND, FAINT

if TYPE_CHECKING:
    import numpy.typing as npt

PICTURES = 12

_COLUMNS = 4
_THUMBNAIL_WIDTH = 300
_MARGIN = 24
_CAPTION = 30
_HEADER = 44
_STRIP = 150
_AXIS = 28
_TEXT = (232, 234, 240)
_WAVE = (96, 104, 125)
_SPOKEN = (86, 182, 194)
_INTERRUPTED = (232, 112, 96)
_BAND = (38, 44, 56)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A stretch of the film in which one utterance was heard.

    Args:
        start: Seconds from the film's start.
        end: Seconds from the film's start.
        label: What is written at it.
        interrupted: It was cut off at its end.
    """

    start: float
    end: float
    label: str
    interrupted: bool


def draw_contact_sheet(film: Path, target: Path, *, title: str, marks: Sequence[Mark]) -> None:
    """Decode a film and draw it; blocks, so call it in a thread.

    What is drawn is what the file holds, not what was meant to be written.

    Args:
        film: The recording.
        target: Where the PNG goes.
        title: One line for the top.
        marks: What was said, in the film's time.
    """
    with av.open(str(film)) as container:
        seconds = float((container.duration or 0) / av.time_base)
        times = [(index + 0.5) * seconds / PICTURES for index in range(PICTURES)]
        pictures = list(_pictures(container, times))
    with av.open(str(film)) as container:
        samples, rate = _sound(container)
    shape = pictures[0]
    height = round(_THUMBNAIL_WIDTH * shape.height / shape.width)
    rows = -(-PICTURES // _COLUMNS)
    width = _MARGIN + _COLUMNS * (_THUMBNAIL_WIDTH + _MARGIN)
    strip_top = _HEADER + _MARGIN // 2 + rows * (height + _CAPTION)
    sheet = Image.new("RGB", (width, strip_top + _STRIP + _AXIS + _MARGIN), BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    draw.text((_MARGIN, _HEADER / 2 + 4), title, fill=_TEXT, font=_font(18), anchor="lm")
    for index, (at, picture) in enumerate(zip(times, pictures, strict=True)):
        left = _MARGIN + index % _COLUMNS * (_THUMBNAIL_WIDTH + _MARGIN)
        top = _HEADER + index // _COLUMNS * (height + _CAPTION)
        sheet.paste(
            picture.resize((_THUMBNAIL_WIDTH, height), Image.Resampling.LANCZOS), (left, top)
        )
        caption = (left + _THUMBNAIL_WIDTH / 2, top + height + _CAPTION / 2)
        draw.text(caption, f"{at:.2f} s", fill=FAINT, font=_font(15), anchor="mm")
    strip = (_MARGIN, strip_top, width - _MARGIN, strip_top + _STRIP)
    _draw_strip(draw, strip, samples, rate, seconds=seconds, marks=marks, times=times)
    sheet.save(target, format="PNG")


def _pictures(
    container: av.container.InputContainer, times: Sequence[float]
) -> Iterator[Image.Image]:
    """Yield what is on screen at each of the times."""
    stream = container.streams.video[0]
    assert stream.time_base is not None
    for wanted in times:
        # Backwards to a key picture: a long film is not decoded from its start for each.
        container.seek(int(wanted / stream.time_base), stream=stream)
        shown: av.VideoFrame | None = None
        for frame in container.decode(stream):
            if shown is not None and frame.time > wanted:
                break
            shown = frame
        assert shown is not None  # a film has at least one picture, and seek finds one before
        yield Image.fromarray(shown.to_ndarray(format="rgb24"))


def _sound(container: av.container.InputContainer) -> tuple[npt.NDArray[np.int16], int]:
    stream = container.streams.audio[0]
    resampler = av.AudioResampler(format="s16", layout="mono", rate=16_000)
    chunks = [
        mono.to_ndarray().reshape(-1).astype(np.int16, copy=False)
        for frame in container.decode(stream)
        for mono in resampler.resample(frame)
    ]
    return np.concatenate(chunks) if chunks else np.zeros(1, np.int16), 16_000


def _draw_strip(
    draw: ImageDraw.ImageDraw,
    box: tuple[int, int, int, int],
    samples: npt.NDArray[np.int16],
    rate: int,
    *,
    seconds: float,
    marks: Sequence[Mark],
    times: Sequence[float],
) -> None:
    """Draw the wave over the film's whole length, what was said, and where pictures are from."""
    left, top, right, bottom = box
    middle, width = (top + bottom) / 2, right - left

    def across(at: float) -> float:
        return left + min(1.0, max(0.0, at / seconds if seconds else 0.0)) * width

    draw.rectangle(box, fill=_BAND)
    edges = np.linspace(0, seconds * rate, width + 1).astype(int)
    loudest = max(1, int(np.abs(samples.astype(np.int32)).max()))
    for x in range(width):
        column = samples[edges[x] : max(edges[x] + 1, edges[x + 1])]
        reach = int(np.abs(column.astype(np.int32)).max()) if len(column) else 0
        half = reach / loudest * (bottom - top - 44) / 2
        at = (x + 0.5) / width * seconds
        spoken = any(mark.start <= at <= mark.end for mark in marks)
        colour = _SPOKEN if spoken else _WAVE
        draw.line((left + x, middle - half, left + x, middle + half), fill=colour)
    for mark in marks:
        begin, end = across(mark.start), across(mark.end)
        colour = _INTERRUPTED if mark.interrupted else _SPOKEN
        draw.line((begin, top + 2, end, top + 2), fill=colour, width=3)
        text = f"{mark.label}  (interrupted)" if mark.interrupted else mark.label
        draw.text((begin + 2, top + 7), _cut(draw, text, end - begin), fill=_TEXT, font=_font(13))
        if mark.interrupted:
            draw.line((end, top, end, bottom), fill=_INTERRUPTED, width=2)
    for at in times:
        place = across(at)
        draw.polygon([(place - 4, bottom), (place + 4, bottom), (place, bottom - 7)], fill=FAINT)
    for at in _ticks(seconds):
        place = across(at)
        draw.line((place, bottom, place, bottom + 5), fill=FAINT)
        draw.text((place, bottom + 8), f"{at:g} s", fill=FAINT, font=_font(13), anchor="mt")


def _ticks(seconds: float) -> Iterator[float]:
    step = next((s for s in (0.5, 1, 2, 5, 10, 20, 30, 60, 120) if seconds / s <= 16), 300.0)
    count = int(seconds / step)
    for index in range(count + 1):
        yield index * step


def _cut(draw: ImageDraw.ImageDraw, text: str, room: float) -> str:
    """Shorten a text to the pixels there are."""
    if draw.textlength(text, font=_font(13)) <= room:
        return text
    while text and draw.textlength(text + "…", font=_font(13)) > room:
        text = text[:-1]
    return text + "…" if text else ""


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
