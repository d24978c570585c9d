from __future__ import annotations

import numpy as np
import pytest

from avatar_core.audio.pcm_resampler import Pcm, PcmResampler


def sine(hz: float, *, rate: int, seconds: float = 1.0) -> Pcm:
    time = np.arange(round(rate * seconds)) / rate
    return (0.5 * 32767 * np.sin(2 * np.pi * hz * time)).astype(np.int16)


@pytest.mark.parametrize("rates", [(8000, 48000), (16000, 48000), (24000, 16000), (44100, 48000)])
def test_nothing_is_held_back_and_nothing_is_lost(rates: tuple[int, int]) -> None:
    input_rate, output_rate = rates
    resampler = PcmResampler(input_rate=input_rate, output_rate=output_rate)
    pushed, returned = 0, 0
    for _ in range(100):
        pushed += input_rate // 100
        returned += resampler.push(np.ones(input_rate // 100, dtype=np.int16)).size
        assert pushed / input_rate - returned / output_rate < 0.003
    returned += resampler.flush().size
    assert returned / output_rate == pytest.approx(1.0, abs=0.001)


@pytest.mark.parametrize("hz", [200, 1000, 5000, 7000])
def test_speech_sounds_as_before(hz: float) -> None:
    resampler = PcmResampler(input_rate=24000, output_rate=48000)
    pieces = np.split(sine(hz, rate=24000), 100)
    sound = np.concatenate([*(resampler.push(piece) for piece in pieces), resampler.flush()])
    power = np.abs(np.fft.rfft(sound[4800:28800] * np.hanning(24000))) ** 2
    signal = power[hz // 2 - 4 : hz // 2 + 5].sum()
    assert 10 * np.log10(signal / (power.sum() - signal)) > 60


def test_each_channel_is_its_own() -> None:
    left, right = sine(300, rate=24000), sine(900, rate=24000)
    both = PcmResampler(input_rate=24000, output_rate=16000, channels=2)
    sound = np.concatenate([both.push(np.stack([left, right], axis=1).reshape(-1)), both.flush()])
    for channel, alone in enumerate((left, right)):
        one = PcmResampler(input_rate=24000, output_rate=16000)
        expected = np.concatenate([one.push(alone), one.flush()])
        assert np.array_equal(sound[channel::2], expected)
