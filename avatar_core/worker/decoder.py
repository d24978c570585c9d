"""Turns the bytes of an audio stream into samples of the worker's rate."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from avatar_core.audio.pcm_resampler import PcmResampler
from avatar_core.worker.segment import Samples

_MIN_RATE, _MAX_RATE = 4000, 384_000
_MAX_CHANNELS = 32


class UnplayableStreamError(ValueError):
    """The attributes of an audio stream do not say what its bytes are."""


class SpeechDecoder:
    """Decodes s16le PCM of any rate and channel count into int16 mono of one rate.

    Args:
        attributes: Attributes of the stream: ``sample_rate`` and ``num_channels`` as strings.
        output_rate: Rate of the samples returned, in Hz.

    Raises:
        UnplayableStreamError: An attribute is missing, no number or out of range.
    """

    def __init__(self, *, attributes: Mapping[str, str] | None, output_rate: int) -> None:
        rate = _number(attributes, "sample_rate", _MIN_RATE, _MAX_RATE)
        self._channels = _number(attributes, "num_channels", 1, _MAX_CHANNELS)
        self._carry = b""
        self._resampler: PcmResampler | None = None
        if rate != output_rate:
            self._resampler = PcmResampler(input_rate=rate, output_rate=output_rate)

    def push(self, data: bytes) -> Samples:
        """Decode the next bytes, however they were cut; may return no samples yet."""
        data = self._carry + data
        whole = len(data) - len(data) % (2 * self._channels)
        # A chunk may end in the middle of a sample, or between the channels of one.
        self._carry = data[whole:]
        samples = np.frombuffer(data, dtype="<i2", count=whole // 2).astype(np.int16, copy=False)
        if self._channels > 1:
            mixed = samples.reshape(-1, self._channels).sum(axis=1, dtype=np.int32)
            samples = (mixed // self._channels).astype(np.int16)
        if self._resampler is None or not samples.size:
            return samples
        return self._resampler.push(samples)

    def flush(self) -> Samples:
        """Return what the resampler still holds; the decoder is of no use afterwards."""
        if self._resampler is None:
            return np.empty(0, dtype=np.int16)
        return self._resampler.flush()


def _number(attributes: Mapping[str, str] | None, name: str, low: int, high: int) -> int:
    text = (attributes or {}).get(name)
    try:
        number = int(text or "")
    except ValueError:
        number = 0
    if not low <= number <= high:
        raise UnplayableStreamError(f"audio stream attribute {name}={text!r} is not usable")
    return number
