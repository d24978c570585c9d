"""An MP4 file that plays anywhere, from pictures and sound with times of arrival."""

from __future__ import annotations

import contextlib
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

SAMPLE_RATE = 48_000
"""Rate of the sound it takes, in Hz."""

_CLOCK = 90_000  # MPEG's own unit of time: exact for every frame rate in use
_HOLD = 0.5  # seconds after which a standing picture is written again, so that players can seek
_LAST_PICTURE = 0.04
_TOLERANCE = 0.05  # seconds the sound may be off its place before it is moved


class Mp4Writer:
    """Encodes H.264 and AAC as it goes; not thread-safe, and every call blocks.

    Pictures carry their own times, so any frame rate is kept as it was received. Sound is laid on
    one even line of samples; where nothing was received there is silence.

    Args:
        path: Where to write; the name need not end in ``.mp4``.
        width: Width of the film in pixels, made even.
        height: Height of the film in pixels, made even.
        still: What is shown while no picture has come, rgb24 of any size.
    """

    def __init__(
        self, path: Path, *, width: int, height: int, still: npt.NDArray[np.uint8]
    ) -> None:
        self.width = max(2, width + width % 2)
        self.height = max(2, height + height % 2)
        self.pictures = 0
        self._container = av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"})
        self._video = self._container.add_stream("libx264", rate=25)
        self._video.width, self._video.height = self.width, self.height
        self._video.pix_fmt = "yuv420p"
        self._video.codec_context.time_base = Fraction(1, _CLOCK)
        self._video.codec_context.gop_size = 50
        # One thread is four times real time, and leaves the machine to the call it records.
        self._video.codec_context.thread_count = 1
        # Pictures come at uneven times: without B-frames their order in the file is that of time,
        # and the track's length in the file is the film's.
        self._video.options = {"preset": "veryfast", "crf": "20", "bf": "0"}
        self._audio = self._container.add_stream("aac", rate=SAMPLE_RATE, layout="mono")
        self._audio.codec_context.bit_rate = 96_000
        self._picture = self._fit(av.VideoFrame.from_ndarray(still, format="rgb24"))
        self._shown_at = -1.0  # seconds at which a picture was last written, below 0: none yet
        self._samples = 0

    @property
    def seconds(self) -> float:
        """How long the film is so far."""
        return max(self._shown_at + _LAST_PICTURE, self._samples / SAMPLE_RATE, 0.0)

    def picture(self, i420: npt.NDArray[np.uint8], *, at: float) -> None:
        """Show a picture from a time on.

        Args:
            i420: Planes below each other: ``height * 3 / 2`` rows, both sides even.
            at: Seconds from the film's start.
        """
        self._hold(at)
        self._picture = self._fit(av.VideoFrame.from_ndarray(i420, format="yuv420p"))
        self.pictures += 1
        self._show(at)

    def sound(self, samples: npt.NDArray[np.int16], *, at: float) -> None:
        """Lay sound at a time; what would overlap or lie before the start is left out.

        Args:
            samples: int16, mono, of ``SAMPLE_RATE`` Hz.
            at: Seconds from the film's start.
        """
        late = round(at * SAMPLE_RATE) - self._samples
        if late > _TOLERANCE * SAMPLE_RATE:
            self._encode_sound(np.zeros(late, np.int16))
        elif late < -_TOLERANCE * SAMPLE_RATE or at < 0:
            samples = samples[-late:]
        if len(samples):
            self._encode_sound(samples)
        self._hold(self._samples / SAMPLE_RATE)

    def close(self) -> None:
        """Bring both tracks to one length and finish the file."""
        end = self.seconds
        self._hold(end)
        if self._shown_at < end - 1.5 * _LAST_PICTURE:
            self._show(max(0.0, end - _LAST_PICTURE))
        missing = round((self._shown_at + _LAST_PICTURE) * SAMPLE_RATE) - self._samples
        if missing > 0:
            self._encode_sound(np.zeros(missing, np.int16))
        self._container.mux(self._video.encode(None))
        self._container.mux(self._audio.encode(None))
        self._container.close()

    def abandon(self) -> None:
        """Close the file as it is: it is not going to be kept. Does nothing after ``close``."""
        # Closing writes the index: what made the film fail, a full disk, fails here again.
        with contextlib.suppress(OSError, av.FFmpegError):
            self._container.close()

    def _hold(self, until: float) -> None:
        """Write the standing picture again, so that no gap is longer than ``_HOLD``."""
        if self._shown_at < 0:
            if until <= _LAST_PICTURE:
                return
            self._show(0.0)
        while self._shown_at + _HOLD < until:
            self._show(self._shown_at + _HOLD)

    def _show(self, at: float) -> None:
        # Two pictures may arrive together; a film's times must rise.
        self._shown_at = max(at, self._shown_at + 0.001) if self._shown_at >= 0 else max(at, 0.0)
        self._picture.pts = round(self._shown_at * _CLOCK)
        self._picture.time_base = Fraction(1, _CLOCK)
        self._container.mux(self._video.encode(self._picture))

    def _encode_sound(self, samples: npt.NDArray[np.int16]) -> None:
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = SAMPLE_RATE
        frame.pts = self._samples
        frame.time_base = Fraction(1, SAMPLE_RATE)
        self._samples += len(samples)
        self._container.mux(self._audio.encode(frame))

    def _fit(self, frame: av.VideoFrame) -> av.VideoFrame:
        """Scale to the film's size, whole, with bars where the shape differs."""
        if (frame.width, frame.height) == (self.width, self.height):
            return frame.reformat(format="yuv420p")
        scale = min(self.width / frame.width, self.height / frame.height)
        width = min(self.width, round(frame.width * scale / 2) * 2)
        height = min(self.height, round(frame.height * scale / 2) * 2)
        smaller = frame.reformat(width=width, height=height, format="yuv420p")
        scaled = smaller.to_ndarray().astype(np.uint8, copy=False)
        canvas = np.full((self.height * 3 // 2, self.width), 128, np.uint8)
        canvas[: self.height] = 16
        top, left = (self.height - height) // 4 * 2, (self.width - width) // 4 * 2
        canvas[top : top + height, left : left + width] = scaled[:height]
        _place_chroma(canvas, scaled, self.height, height, top // 2, left // 2)
        return av.VideoFrame.from_ndarray(canvas, format="yuv420p")


def _place_chroma(
    canvas: npt.NDArray[np.uint8],
    scaled: npt.NDArray[np.uint8],
    canvas_height: int,
    height: int,
    top: int,
    left: int,
) -> None:
    """Copy both colour planes, which in I420 follow the brightness at half size."""
    into = canvas[canvas_height:].reshape(2, canvas_height // 2, -1)
    planes = scaled[height:].reshape(2, height // 2, -1)
    into[:, top : top + planes.shape[1], left : left + planes.shape[2]] = planes
