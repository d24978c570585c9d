"""Draws on a clock of its own and publishes what was drawn."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable

from livekit import rtc

from avatar_core.log import logger
from avatar_core.worker.renderer import Moment, Renderer


class RendererGuard:
    """Calls a renderer; what it raises is logged once per kind and harms nothing else."""

    def __init__(self, renderer: Renderer) -> None:
        self._renderer = renderer
        self._seen: set[tuple[str, type[BaseException]]] = set()

    def draw(self, moment: Moment) -> rtc.VideoFrame | None:
        """The picture, or None if the renderer failed."""
        try:
            frame = self._renderer.draw(moment)
            _check(frame)
        except Exception as exc:  # noqa: BLE001 - a renderer is other people's code
            self._log("draw", exc)
            return None
        return frame

    def tell(self, method: str, *args: object) -> None:
        """Call one of the methods that return nothing."""
        try:
            getattr(self._renderer, method)(*args)
        except Exception as exc:  # noqa: BLE001 - a renderer is other people's code
            self._log(method, exc)

    def _log(self, method: str, exc: Exception) -> None:
        if (method, type(exc)) not in self._seen:
            self._seen.add((method, type(exc)))
            logger.error(
                "renderer failed; the avatar goes on with its last picture",
                exc_info=exc,
                extra={"method": method},
            )


class PicturePump:
    """Publishes a frame every ``1 / fps`` seconds, however long drawing or the loop takes.

    Args:
        renderer: Who draws.
        size: Width and height in pixels.
        fps: Frames per second.
        source: Where the frames go.
        moment: Gives the moment to draw for the time it is drawn at.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        *,
        renderer: RendererGuard,
        size: tuple[int, int],
        fps: float,
        source: rtc.VideoSource,
        moment: Callable[[float], Moment],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._renderer = renderer
        self._fps = fps
        self._source = source
        self._moment = moment
        self._clock = clock
        self._frame = _grey(*size)

    async def run(self) -> None:
        """Draw until cancelled."""
        start = self._clock()
        tick = 0
        while True:
            self._publish()
            # Ticks that have passed are left out: a burst of late frames would be a jump in
            # the picture and a peak in the encoder.
            tick = max(tick + 1, math.floor((self._clock() - start) * self._fps) + 1)
            await asyncio.sleep(max(start + tick / self._fps - self._clock(), 0))

    def _publish(self) -> None:
        frame = self._renderer.draw(self._moment(self._clock()))
        if frame is not None:
            self._frame = frame
        self._source.capture_frame(self._frame)


def _check(frame: object) -> None:
    """Refuse a frame that native code would read beyond the end of."""
    if not isinstance(frame, rtc.VideoFrame):
        raise TypeError(f"draw() returned {type(frame).__name__}, not rtc.VideoFrame")
    pixels = frame.width * frame.height
    if frame.type in (rtc.VideoBufferType.I420, rtc.VideoBufferType.NV12):
        needed = _planar_size(frame.width, frame.height)
    else:
        needed = pixels * (3 if frame.type == rtc.VideoBufferType.RGB24 else 4)
    if not pixels or len(frame.data) < needed:
        raise ValueError(f"draw() returned {len(frame.data)} bytes for {frame}, needs {needed}")


def _planar_size(width: int, height: int) -> int:
    return width * height + 2 * ((width + 1) // 2) * ((height + 1) // 2)


def _grey(width: int, height: int) -> rtc.VideoFrame:
    """What is shown of a renderer that fails at its first picture."""
    data = b"\x80" * _planar_size(width, height)
    return rtc.VideoFrame(width, height, rtc.VideoBufferType.I420, data)
