"""From sound to the shape of a mouth: spectrum of one frame's audio in, lips out.

Two centroids stand for the first two formants: the lower one rises as the jaw drops, the upper one
falls as the lips round. Noise above the voice shows teeth, a dip in level closes the lips.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

SILENCE_DB = -52.0  # below, nothing is said however quiet the speaker
_QUIETEST_SPEAKER_DB = -34.0
_LOUDNESS_FALL = 4.0  # dB per second: how fast a speaker who turned quiet is believed
_SHORTEST = 64  # samples; fewer have no spectrum worth reading
_FLOOR_DB = -96.0
# The centroids, in Hz, of lips neither rounded nor spread: a close vowel has its second formant
# high even if rounded.
_NEUTRAL = ((310.0, 480.0, 600.0, 740.0), (2140.0, 1830.0, 1680.0, 1220.0))


@dataclass(frozen=True, slots=True)
class Mouth:
    """A mouth between a few extremes, each 0 to 1 except ``wide``.

    Args:
        open: How far the jaw has dropped.
        wide: Lips from rounded (-1) to spread (1).
        hiss: Teeth together, as in /s/.
        bite: Lower lip under the teeth, as in /f/.
        press: Lips pressed together, as in /m/, /b/ and /p/.
    """

    open: float = 0.0
    wide: float = 0.0
    hiss: float = 0.0
    bite: float = 0.0
    press: float = 0.0

    def toward(self, target: Mouth, *, opening: float, closing: float) -> Mouth:
        """Return a mouth part of the way to another one.

        Args:
            target: Where to.
            opening: Part of the way for what grows, 0 to 1.
            closing: Part of the way for what shrinks, and for ``wide``.
        """

        def step(now: float, then: float) -> float:
            return now + (opening if then > now else closing) * (then - now)

        return Mouth(
            step(self.open, target.open),
            self.wide + closing * (target.wide - self.wide),
            step(self.hiss, target.hiss),
            step(self.bite, target.bite),
            step(self.press, target.press),
        )


@dataclass(frozen=True, slots=True)
class Spectrum:
    """What is read from one stretch of audio.

    Args:
        level: Loudness in dB of full scale.
        dip: Loudness of its quietest quarter, in dB of full scale.
        jaw: Centroid of 180 to 1000 Hz in Hz; rises with the first formant.
        lips: Centroid of 800 to 3000 Hz in Hz; rises with the second formant.
        noise: Level above the voice against the level of the voice, in dB.
    """

    level: float
    dip: float
    jaw: float
    lips: float
    noise: float


def read_spectrum(audio: npt.NDArray[np.int16], sample_rate: int) -> Spectrum | None:
    """Measure a stretch of audio.

    Args:
        audio: int16 mono, about one video frame long.
        sample_rate: In Hz.

    Returns:
        The measurements, or None if it is silent or too short.
    """
    count = len(audio)
    if count < _SHORTEST:
        return None
    samples = audio.astype(np.float32)
    quarters = samples[: count // 4 * 4].reshape(4, -1)
    powers = np.einsum("ij,ij->i", quarters, quarters) / quarters.shape[1]
    level = _db(float(powers.mean()))
    if level < SILENCE_DB:
        return None
    window, bands = _tables(count, sample_rate)
    power = np.abs(np.fft.rfft(samples * window, 2 * (bands.shape[1] - 1))) ** 2
    jaw, jaw_mass, lips, lips_mass, noise, voice = (bands @ power + 1e-3).tolist()
    return Spectrum(
        level=level,
        dip=_db(float(powers.min())),
        jaw=jaw / jaw_mass,
        lips=lips / lips_mass,
        noise=10 * math.log10(noise / voice),
    )


def shape_of(spectrum: Spectrum, *, loudest: float) -> Mouth:
    """Return the mouth that makes a sound.

    Args:
        spectrum: The sound.
        loudest: Level of the speaker's vowels in dB of full scale.
    """
    below = spectrum.level - loudest
    noisy = _ramp(spectrum.noise, -8.0, 2.0)
    if noisy > 0.5:
        # The same noise: strong between the teeth, weak between teeth and lip.
        strong = _ramp(below, -20.0, -13.0)
        return Mouth(open=0.1, wide=0.25, hiss=noisy * strong, bite=noisy * (1 - strong))
    voiced = _ramp(below, -15.0, -4.0)
    dropped = _ramp(spectrum.jaw, 310.0, 730.0)
    neutral = float(np.interp(spectrum.jaw, *_NEUTRAL))
    wide = min(1.0, max(-1.0, (spectrum.lips - neutral) / 320.0))
    wide *= 1 - 0.6 * _ramp(spectrum.jaw, 620.0, 740.0)  # a wide open mouth hides its corners
    closure = _ramp(loudest - spectrum.dip, 13.0, 22.0) * (1 - noisy)
    return Mouth(
        open=voiced * (0.2 + 0.8 * dropped) * (1 - 0.6 * closure),
        wide=wide * voiced,
        hiss=noisy * (1 - closure),
        press=closure * (1 - 0.5 * voiced),
    )


class LipReader:
    """Follows a voice from frame to frame, without flicker and without delay."""

    def __init__(self, *, fps: float) -> None:
        """Start with closed lips.

        Args:
            fps: How often a second :meth:`read` is called.
        """
        self._fps = fps
        self._loudest = _QUIETEST_SPEAKER_DB
        self.mouth = Mouth()
        self.level = _FLOOR_DB

    def read(self, audio: npt.NDArray[np.int16], sample_rate: int) -> Mouth:
        """Return the mouth for the next frame.

        Args:
            audio: int16 mono heard during the frame; empty if nothing plays.
            sample_rate: In Hz.
        """
        spectrum = read_spectrum(audio, sample_rate)
        if spectrum is None:
            self.level = _FLOOR_DB
            return self._move(Mouth(), opening=0.6, closing=0.6)
        self.level = spectrum.level
        fallen = self._loudest - _LOUDNESS_FALL / self._fps
        self._loudest = max(spectrum.level, fallen, _QUIETEST_SPEAKER_DB)
        target = shape_of(spectrum, loudest=self._loudest)
        return self._move(target, opening=0.75, closing=0.55)

    def close(self) -> Mouth:
        """Return the mouth for the next frame of one who was cut off: it shuts at once."""
        return self._move(Mouth(press=0.35), opening=0.6, closing=0.75)

    def _move(self, target: Mouth, *, opening: float, closing: float) -> Mouth:
        # The parts are meant for 25 frames a second; other rates take the same time.
        frames = 25.0 / self._fps
        self.mouth = self.mouth.toward(
            target, opening=1 - (1 - opening) ** frames, closing=1 - (1 - closing) ** frames
        )
        return self.mouth


@lru_cache(maxsize=32)
def _tables(
    count: int, sample_rate: int
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    size = 1 << (count - 1).bit_length()
    hertz = np.fft.rfftfreq(size, 1 / sample_rate)

    def band(low: float, high: float, *, exponent: int = 0) -> npt.NDArray[np.float64]:
        inside = (hertz >= low) & (hertz < high)
        return np.where(inside, hertz**exponent, 0.0)

    # Telephone audio ends at 4 kHz: what is left of a hiss is its lower edge.
    noise_from = 4200.0 if sample_rate >= 12000 else 2900.0
    bands = [
        # A voice falls the steeper the higher; weighting by frequency levels that.
        band(180, 1000, exponent=2),
        band(180, 1000, exponent=1),
        band(800, 3000, exponent=3),
        band(800, 3000, exponent=2),
        band(noise_from, 11000),
        band(100, 3000 if sample_rate >= 12000 else 2500),
    ]
    return np.hanning(count).astype(np.float32), np.stack(bands).astype(np.float32)


def _ramp(value: float, low: float, high: float) -> float:
    return min(1.0, max(0.0, (value - low) / (high - low)))


def _db(power: float) -> float:
    return max(_FLOOR_DB, 10 * math.log10(max(power, 1e-9) / 32768.0**2))
