"""Changes the rate of speech without holding it back."""

from __future__ import annotations

import av
import numpy as np
import numpy.typing as npt

Pcm = npt.NDArray[np.int16]
"""Samples, int16; of several channels interleaved."""


class PcmResampler:
    """A stream of samples at another rate, at most 2 ms behind what was pushed.

    FFmpeg's resampler, for its delay: LiveKit's own (SoX) holds back up to 40 ms at any quality
    that is good enough for speech, so that every segment begins that much later. Measured from 24
    to 48 kHz, FFmpeg's: 0.7 ms, and 89 dB of signal to noise at 7 kHz.

    Args:
        input_rate: Hz of what is pushed.
        output_rate: Hz of what is returned.
        channels: How many, interleaved.
    """

    def __init__(self, *, input_rate: int, output_rate: int, channels: int = 1) -> None:
        self._input_rate = input_rate
        self._channels = [
            av.AudioResampler(format="s16", layout="mono", rate=output_rate)
            for _ in range(channels)
        ]

    def push(self, samples: Pcm) -> Pcm:
        """Return what can be returned after these samples; whole ones of every channel."""
        if not samples.size:
            return samples
        pieces = samples.reshape(-1, len(self._channels))
        return _interleaved(
            [
                _samples(resampler.resample(self._frame(pieces[:, channel])))
                for channel, resampler in enumerate(self._channels)
            ]
        )

    def flush(self) -> Pcm:
        """Return the rest; nothing can be pushed afterwards."""
        return _interleaved([_samples(each.resample(None)) for each in self._channels])

    def _frame(self, samples: Pcm) -> av.AudioFrame:
        plane = np.ascontiguousarray(samples)[np.newaxis, :]
        frame = av.AudioFrame.from_ndarray(plane, format="s16", layout="mono")
        frame.sample_rate = self._input_rate
        return frame


def _samples(frames: list[av.AudioFrame]) -> Pcm:
    parts = [frame.to_ndarray()[0] for frame in frames]
    return np.concatenate(parts).astype(np.int16) if parts else np.empty(0, dtype=np.int16)


def _interleaved(channels: list[Pcm]) -> Pcm:
    return channels[0] if len(channels) == 1 else np.stack(channels, axis=1).reshape(-1)
