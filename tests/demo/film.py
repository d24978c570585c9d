"""Reads a recording back: what is in the file, not what was meant to be."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt

RATE = 16_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Film:
    """A decoded film; pictures are brightness only, sound is int16 mono of ``RATE`` Hz."""

    video_codec: str
    audio_codec: str
    pixel_format: str
    video_seconds: float
    audio_seconds: float
    times: npt.NDArray[np.float64]
    pictures: list[npt.NDArray[np.int16]]
    samples: npt.NDArray[np.int16]

    @property
    def motion(self) -> npt.NDArray[np.float64]:
        """Mean change of the picture to the next."""
        pairs = zip(self.pictures, self.pictures[1:], strict=False)
        return np.array([np.abs(after - before).mean() for before, after in pairs])

    def mouth(self, resting: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
        """How far the mouth of each picture is from the mouth at rest.

        Args:
            resting: Which pictures show the face at rest.
        """
        height, width = self.pictures[0].shape
        place = (slice(height * 11 // 20, height * 7 // 10), slice(width * 2 // 5, width * 3 // 5))
        mouths = np.array([picture[place] for picture in self.pictures], dtype=np.float64)
        return np.asarray(np.abs(mouths - np.median(mouths[resting], axis=0)).mean(axis=(1, 2)))

    def during(self, start: float, end: float) -> npt.NDArray[np.int16]:
        """Sound of a period."""
        return self.samples[max(0, round(start * RATE)) : max(0, round(end * RATE))]


def read_film(path: Path) -> Film:
    """Decode the whole file."""
    with av.open(str(path)) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        times, pictures = [], []
        for frame in container.decode(video):
            times.append(frame.time)
            pictures.append(frame.to_ndarray()[: frame.height].astype(np.int16))
        facts: dict[str, Any] = {
            "video_codec": video.codec_context.name,
            "audio_codec": audio.codec_context.name,
            "pixel_format": video.codec_context.pix_fmt,
            "video_seconds": _seconds(video),
            "audio_seconds": _seconds(audio),
        }
    return Film(times=np.array(times), pictures=pictures, samples=read_sound(path), **facts)


def read_sound(path: Path) -> npt.NDArray[np.int16]:
    """Decode the sound of any file."""
    resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
    with av.open(str(path)) as container:
        chunks = [
            mono.to_ndarray().reshape(-1).astype(np.int16, copy=False)
            for frame in container.decode(audio=0)
            for mono in resampler.resample(frame)
        ]
    return np.concatenate(chunks)


SAME_SPEECH = 0.45
"""Similarity from which on it is the same: another text's is at most 0.26, and on a busy machine
the holes and stretches of a receiver took up to half of it."""


def similarity(film: npt.NDArray[np.int16], sent: npt.NDArray[np.int16]) -> tuple[float, float]:
    """Find one sound in another.

    Receivers stretch and squeeze sound by milliseconds to keep up with a network, so beyond its
    start it is compared by pieces of 0.2 s, each of which may be off the one before a little.

    Returns:
        The mean correlation of the loud pieces, at most 1, and where the sound begins, seconds.
    """
    heard, wanted = film.astype(np.float64), sent.astype(np.float64)
    _, begin = _find(heard, wanted)
    piece, slack = RATE // 5, RATE // 4
    loud = [
        at
        for at in range(0, len(wanted) - piece, piece)
        if np.abs(wanted[at : at + piece]).max() > 0.1 * np.abs(wanted).max()
    ]
    scores, shift = [], begin
    for at in loud:
        start = max(0, shift + at - slack)
        window = heard[start : shift + at + piece + slack]
        score, found = 0.0, 0
        if len(window) >= piece:
            score, found = _find(window, wanted[at : at + piece])
        if score > 0.5:  # a busy machine's holes add up: what follows is looked for from here
            shift = start + found - at
        scores.append(score)
    return float(np.mean(scores)), begin / RATE


def _find(heard: npt.NDArray[np.float64], wanted: npt.NDArray[np.float64]) -> tuple[float, int]:
    """Best correlation of one signal within another, and the sample it is at."""
    size = 1 << (len(heard) + len(wanted)).bit_length()
    product = np.fft.rfft(heard, size) * np.conj(np.fft.rfft(wanted, size))
    scores = np.fft.irfft(product, size)[: len(heard)]
    at = int(scores.argmax())
    window = heard[at : at + len(wanted)]
    scale = np.linalg.norm(window) * np.linalg.norm(wanted[: len(window)])
    return (float(scores[at] / scale) if scale else 0.0), at


def _seconds(stream: Any) -> float:
    return float(stream.duration * stream.time_base)
