"""Sounds to feed a face with: synthetic vowels and noise, and a spoken sentence."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.int16]

FORMANTS = {  # Hz; an adult's, from any phonetics textbook
    "a": (750, 1200, 2500),
    "i": (280, 2300, 3000),
    "u": (300, 800, 2250),
    "o": (480, 850, 2400),
    "e": (500, 1850, 2500),
}


def vowel(
    name: str, *, seconds: float = 0.5, sample_rate: int = 48000, pitch: float = 120.0
) -> Samples:
    """Return a vowel: harmonics of a voice, shaped by resonances at its formants."""
    time = np.arange(int(seconds * sample_rate)) / sample_rate
    sound = np.zeros(len(time))
    for harmonic in range(1, int(min(5000.0, sample_rate * 0.45) / pitch)):
        hertz = harmonic * pitch
        gain = 1 / harmonic
        for formant, width in zip(FORMANTS[name], (70.0, 90.0, 130.0), strict=True):
            gain *= formant**2 / np.hypot(formant**2 - hertz**2, width * hertz)
        sound += gain * np.sin(2 * np.pi * hertz * time)
    return loud(sound, rms=0.12)


def noise(*, low: float, high: float, seconds: float = 0.5, rms: float = 0.04) -> Samples:
    """Return noise between two frequencies, at 48 kHz."""
    count = int(seconds * 48000)
    spectrum = np.fft.rfft(np.random.default_rng(7).normal(size=count))
    hertz = np.fft.rfftfreq(count, 1 / 48000)
    spectrum[(hertz < low) | (hertz > high)] = 0
    return loud(np.fft.irfft(spectrum, count), rms=rms)


def loud(sound: npt.NDArray[np.float64], *, rms: float) -> Samples:
    """Return a sound as int16 at a loudness, 1 being full scale."""
    scaled = sound * (rms * 32768 / np.sqrt(np.mean(sound**2)))
    samples: Samples = np.clip(scaled, -32768, 32767).astype(np.int16)
    return samples


def cut(sound: Samples, *, sample_rate: int = 48000, fps: float = 25.0) -> list[Samples]:
    """Return a sound in whole frames."""
    length = int(sample_rate / fps)
    return [sound[at : at + length] for at in range(0, len(sound) - length + 1, length)]


@dataclass(frozen=True)
class Spoken:
    """A sentence with the phonemes it is made of.

    Args:
        samples: int16 mono.
        sample_rate: In Hz.
        phonemes: Start in seconds and IPA name, in order.
    """

    samples: Samples
    sample_rate: int
    phonemes: tuple[tuple[float, str], ...]

    def phoneme_at(self, time: float) -> str:
        """Return what is said at a time."""
        return next((name for start, name in reversed(self.phonemes) if start <= time), "")


@lru_cache(maxsize=16)
def speak(text: str) -> Spoken:
    """Say a sentence with eSpeak NG."""
    # In a process of its own: the library has one state per process, and who uses it last wins.
    program = Path(__file__).with_name("espeak_phonemes.py")
    done = subprocess.run(
        [sys.executable, str(program), text], check=True, capture_output=True, timeout=60
    )
    header, _, samples = done.stdout.partition(b"\n")
    said = json.loads(header)
    return Spoken(
        np.frombuffer(samples, np.int16),
        said["sample_rate"],
        tuple((start, name) for start, name in said["phonemes"]),
    )
