from __future__ import annotations

import numpy as np
import pytest

from avatar_provider_mock.face.visemes import LipReader, Mouth

from .voices import Samples, cut, noise, speak, vowel

SILENT_FRAME = np.zeros(1920, np.int16)


def settled(sound: Samples, *, sample_rate: int = 48000) -> Mouth:
    lips = LipReader(fps=25)
    for audio in cut(sound, sample_rate=sample_rate):
        lips.read(audio, sample_rate)
    return lips.mouth


def closed(mouth: Mouth) -> bool:
    return mouth.open < 0.05 and mouth.hiss < 0.05 and mouth.bite < 0.05


@pytest.mark.parametrize("pitch", [95.0, 130.0, 210.0])
@pytest.mark.parametrize("sample_rate", [8000, 16000, 22050, 24000, 44100, 48000])
def test_open_vowels_open_wider_than_close_ones(sample_rate: int, pitch: float) -> None:
    a, i, u = (
        settled(vowel(name, sample_rate=sample_rate, pitch=pitch), sample_rate=sample_rate)
        for name in "aiu"
    )

    assert a.open > 0.75
    assert a.open > i.open + 0.3
    assert a.open > u.open + 0.3
    assert min(i.open, u.open) > 0.1  # a voice is never heard from closed lips


@pytest.mark.parametrize("pitch", [95.0, 130.0, 210.0])
@pytest.mark.parametrize("sample_rate", [8000, 16000, 24000, 48000])
def test_rounded_vowels_are_narrower_than_spread_ones(sample_rate: int, pitch: float) -> None:
    widths = {
        name: settled(
            vowel(name, sample_rate=sample_rate, pitch=pitch), sample_rate=sample_rate
        ).wide
        for name in "aiueo"
    }

    assert widths["i"] > 0.3
    assert widths["u"] < -0.7
    assert widths["o"] < -0.5
    assert widths["e"] > widths["o"] + 0.5
    assert abs(widths["a"]) < 0.45


def test_a_sharp_hiss_shows_teeth() -> None:
    mouth = settled(noise(low=4500, high=10000))

    assert mouth.hiss > 0.8
    assert mouth.open < 0.2


def test_a_weak_hiss_after_a_voice_bites_the_lip() -> None:
    lips = LipReader(fps=25)
    for audio in cut(vowel("a")) + cut(noise(low=1500, high=11000, seconds=0.2, rms=0.006)):
        lips.read(audio, 48000)

    assert lips.mouth.bite > 0.6
    assert lips.mouth.bite > lips.mouth.hiss
    assert lips.mouth.open < 0.25


@pytest.mark.parametrize(
    "audio",
    [
        SILENT_FRAME,
        np.zeros(0, np.int16),
        vowel("a")[:20],
        np.random.default_rng(1).integers(-20, 20, 1920).astype(np.int16),
    ],
    ids=["silence", "nothing", "too short", "the noise of a quiet room"],
)
def test_lips_stay_closed_when_nothing_is_said(audio: Samples) -> None:
    lips = LipReader(fps=25)
    for _ in range(10):
        assert closed(lips.read(audio, 48000))


def test_a_steady_vowel_does_not_flicker() -> None:
    lips = LipReader(fps=25)
    mouths = [lips.read(audio, 48000) for audio in cut(vowel("a", seconds=2.0, pitch=117.3))][5:]

    assert np.ptp([mouth.open for mouth in mouths]) < 0.06
    assert np.ptp([mouth.wide for mouth in mouths]) < 0.12


def test_the_mouth_opens_in_the_frame_of_the_sound_and_closes_within_two() -> None:
    lips = LipReader(fps=25)
    for _ in range(5):
        lips.read(SILENT_FRAME, 48000)
    frames = cut(vowel("a"))

    first = lips.read(frames[0], 48000).open
    for audio in frames[1:]:
        lips.read(audio, 48000)
    full = lips.mouth.open

    assert first > 0.6 * full
    lips.read(SILENT_FRAME, 48000)
    assert lips.read(SILENT_FRAME, 48000).open < 0.25 * full


def test_a_quiet_speaker_opens_as_wide_as_a_loud_one() -> None:
    loud_voice = vowel("a", seconds=1.0)
    quiet_voice = (loud_voice / 6).astype(np.int16)

    assert settled(quiet_voice).open == pytest.approx(settled(loud_voice).open, abs=0.1)


def test_lips_press_together_in_a_dip_between_vowels() -> None:
    dip = np.concatenate([vowel("a", seconds=0.4), (vowel("a", seconds=0.06) / 60).astype("int16")])
    sound = np.concatenate([dip, vowel("a", seconds=0.4)]).astype(np.int16)
    lips = LipReader(fps=25)
    mouths = [lips.read(audio, 48000) for audio in cut(sound)]

    tightest = max(mouths[9:13], key=lambda mouth: mouth.press)
    assert tightest.press > 0.35
    assert tightest.open < 0.5 * mouths[8].open
    assert mouths[-1].press < 0.1


@pytest.mark.parametrize("fps", [10, 25, 50])
def test_the_mouth_takes_the_same_time_at_every_frame_rate(fps: int) -> None:
    lips = LipReader(fps=fps)
    sound = vowel("a", seconds=0.4)
    for audio in cut(sound, fps=fps):
        lips.read(audio, 48000)
    opened = lips.mouth.open
    for _ in range(fps // 5):
        lips.read(np.zeros(48000 // fps, np.int16), 48000)

    assert opened > 0.75
    assert lips.mouth.open < 0.05


SENTENCES = (
    "My father's car is parked far from the large garden.",
    "She sees three green trees by the sea, and we feel free.",
    "Oh no, go home alone, over the cold stone road.",
    "Bob bought a big map, but Pam kept my paper cup.",
)


def test_real_speech_has_the_shapes_its_sounds_are_made_with() -> None:
    shapes: dict[str, list[Mouth]] = {}
    for sentence in SENTENCES:
        spoken = speak(sentence)
        lips = LipReader(fps=25)
        for index, audio in enumerate(cut(spoken.samples, sample_rate=spoken.sample_rate)):
            said = spoken.phoneme_at((index + 0.5) / 25)
            shapes.setdefault(said, []).append(lips.read(audio, spoken.sample_rate))

    def mean(name: str, part: str) -> float:
        return float(np.mean([getattr(mouth, part) for mouth in shapes[name]]))

    assert mean("ɑː", "open") > mean("iː", "open") + 0.3
    assert mean("ɑːɹ", "open") > mean("m", "open") + 0.2
    assert mean("iː", "wide") > mean("oʊ", "wide") + 0.6
    assert mean("s", "hiss") > 0.5 > mean("ɑː", "hiss") + 0.3
    assert mean("p", "press") > 0.5
    assert mean("p", "open") < 0.2


def test_lips_close_in_the_pause_between_two_sentences() -> None:
    spoken = speak("A large car. A large car.")
    pause = np.zeros(int(0.4 * spoken.sample_rate), np.int16)
    lips = LipReader(fps=25)
    sound = np.concatenate([spoken.samples, pause])
    mouths = [
        lips.read(audio, spoken.sample_rate) for audio in cut(sound, sample_rate=spoken.sample_rate)
    ]

    assert max(mouth.open for mouth in mouths) > 0.7
    assert closed(mouths[-1])
