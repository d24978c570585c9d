"""Reading what the agent shall say from a file: anything PyAV decodes."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from avatar_core.contract.errors import ConfigurationError
from avatar_core.demo.utterance import MAX_SECONDS, Utterance, is_audible

if TYPE_CHECKING:
    import av
    import numpy.typing as npt

MAX_BYTES = 1 << 30
"""Largest file that is opened at all, in bytes (1 GiB)."""

_MAX_RATE = 48_000  # what a call carries at most: more is decoded for nothing
_MIN_RATE = 8_000


def read_audio(path: Path) -> Utterance:
    """Decode a file to mono; blocks, so call it in a thread.

    Args:
        path: A file of any format with a sound stream: WAV, MP3, FLAC, Opus, a video.

    Raises:
        ConfigurationError: The file is missing, empty, not readable, has no sound, cannot be heard
            or is too large or too long.
    """
    _check_file(path)
    import av

    try:
        with av.open(str(path)) as container:
            samples, rate = _decode(container, path)
    except av.FFmpegError as exc:
        raise ConfigurationError(
            f"audio file {path}: cannot be read as audio ({exc.strerror or type(exc).__name__})"
        ) from exc
    if len(samples) == 0:
        raise ConfigurationError(f"audio file {path}: holds no sound, its length is zero")
    if not is_audible(samples, sample_rate=rate):
        raise ConfigurationError(f"audio file {path}: is silent from start to end")
    return Utterance(label=path.name, text="", samples=samples, sample_rate=rate, source="audio")


def _check_file(path: Path) -> None:
    """Refuse what PyAV would explain badly, or would wait for: a folder, a pipe, 0 bytes."""
    try:
        size = path.stat().st_size
        if path.is_dir():
            raise ConfigurationError(f"audio file {path}: is a folder")
        if not path.is_file():
            raise ConfigurationError(f"audio file {path}: is not a regular file")
        with path.open("rb"):
            pass
    except FileNotFoundError as exc:
        raise ConfigurationError(f"audio file {path}: there is no such file") from exc
    except OSError as exc:
        raise ConfigurationError(f"audio file {path}: cannot be opened ({exc.strerror})") from exc
    if size == 0:
        raise ConfigurationError(f"audio file {path}: is empty")
    if size > MAX_BYTES:
        raise ConfigurationError(
            f"audio file {path}: is {size / (1 << 30):.1f} GiB large; the limit is"
            f" {MAX_BYTES >> 30} GiB"
        )


def _decode(
    container: av.container.InputContainer, path: Path
) -> tuple[npt.NDArray[np.int16], int]:
    import av

    if not container.streams.audio:
        raise ConfigurationError(f"audio file {path}: has no sound stream")
    stream = container.streams.audio[0]
    if stream.duration is not None and stream.time_base is not None:
        _check_length(path, float(stream.duration * stream.time_base))
    rate = min(_MAX_RATE, max(_MIN_RATE, stream.rate or _MAX_RATE))
    resampler = av.AudioResampler(format="s16", layout="mono", rate=rate)
    chunks: list[npt.NDArray[np.int16]] = []
    length = 0
    for frame in itertools.chain(container.decode(stream), (None,)):
        for mono in resampler.resample(frame):
            chunks.append(mono.to_ndarray().reshape(-1).astype(np.int16, copy=False))
            length += len(chunks[-1])
        # Headers can be wrong or without a length: what counts is what comes out.
        _check_length(path, length / rate)
    return np.concatenate(chunks) if chunks else np.zeros(0, np.int16), rate


def _check_length(path: Path, seconds: float) -> None:
    if seconds > MAX_SECONDS:
        raise ConfigurationError(
            f"audio file {path}: is longer than the limit of {MAX_SECONDS / 60:.0f} minutes"
        )
