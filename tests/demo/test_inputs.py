"""What the agent is given to say: texts and files, good and bad."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import av
import numpy as np
import pytest

from avatar_core.contract.errors import ConfigurationError
from avatar_core.demo import speech
from avatar_core.demo.audio_files import MAX_BYTES, read_audio
from avatar_core.demo.speech import SAMPLE_RATE, synthesize
from avatar_core.demo.utterance import Utterance, is_audible, silence_between
from tests.demo.sounds import melody, write_sound


def test_a_text_becomes_speech_of_a_plausible_length() -> None:
    spoken = synthesize("  Hello,\n I am your avatar. ")
    assert spoken.text == "Hello, I am your avatar."
    assert spoken.sample_rate == SAMPLE_RATE
    assert 1.0 < spoken.seconds < 2.5
    assert is_audible(spoken.samples, sample_rate=SAMPLE_RATE)


def test_speaking_on_many_threads_at_once_mixes_nothing_up() -> None:
    texts = ["One sentence.", "Another, somewhat longer sentence.", "Third!"] * 4
    alone = {text: synthesize(text).seconds for text in set(texts)}
    with ThreadPoolExecutor(6) as pool:
        together = list(pool.map(synthesize, texts))
    assert [item.text for item in together] == texts
    # The voice is never the same twice, to a few samples.
    for item in together:
        assert item.seconds == pytest.approx(alone[item.text], abs=0.01)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "is empty"),
        (" \n\t ", "is empty"),
        ("\0", "is empty"),
        ("...", "nothing in it that can be pronounced"),
        ("word " * 3000, "limit of 10 minutes"),
    ],
)
def test_a_text_that_cannot_be_said_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        synthesize(text)


def test_without_the_speech_package_the_error_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(speech, "_engine", None)
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'avatar-core\[demo\]'"):
        synthesize("Hello.")


def test_a_long_label_is_cut() -> None:
    label = synthesize("This sentence is so long that nobody would want it in a table.").label
    assert len(label) <= 48
    assert label.endswith("…")


@pytest.mark.parametrize("suffix", [".wav", ".mp3", ".flac", ".opus", ".ogg", ".m4a"])
@pytest.mark.parametrize("stereo", [False, True], ids=["mono", "stereo"])
def test_any_format_is_read_as_mono(tmp_path: Path, suffix: str, stereo: bool) -> None:
    path = write_sound(
        tmp_path / f"sound{suffix}", melody(1.5, rate=48_000), rate=48_000, stereo=stereo
    )
    read = read_audio(path)
    assert read.seconds == pytest.approx(1.5, abs=0.1)
    assert read.samples.ndim == 1
    assert read.samples.dtype == np.int16
    assert read.label == f"sound{suffix}"
    assert np.abs(read.samples).max() > 5000


@pytest.mark.parametrize(("rate", "expected"), [(4_000, 8_000), (44_100, 44_100), (96_000, 48_000)])
def test_a_rate_that_no_call_carries_is_converted(tmp_path: Path, rate: int, expected: int) -> None:
    read = read_audio(write_sound(tmp_path / "a.wav", melody(1.0, rate=rate), rate=rate))
    assert read.sample_rate == expected
    assert read.seconds == pytest.approx(1.0, abs=0.02)


def test_the_sound_of_a_film_is_read(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=25)
        video.width = video.height = 64
        video.pix_fmt = "yuv420p"
        audio = container.add_stream("aac", rate=48_000, layout="mono")
        picture = np.zeros((64, 64, 3), np.uint8)
        container.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        tone = melody(1.0, rate=48_000).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(tone, format="s16", layout="mono")
        frame.sample_rate = 48_000
        container.mux(audio.encode(frame))
        container.mux(video.encode(None))
        container.mux(audio.encode(None))
    assert read_audio(path).seconds == pytest.approx(1.0, abs=0.1)


def _no_sound(path: Path) -> None:
    with av.open(str(path), "w", format="mp4") as container:
        video = container.add_stream("libx264", rate=25)
        video.width = video.height = 64
        video.pix_fmt = "yuv420p"
        picture = np.zeros((64, 64, 3), np.uint8)
        container.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(video.encode(None))


def _mute(path: Path) -> None:
    noise = np.random.default_rng(1).integers(-20, 20, 24_000).astype(np.int16)
    write_sound(path.rename(path.with_suffix(".wav")), noise).rename(path)


def _long(path: Path) -> None:
    write_sound(
        path.rename(path.with_suffix(".wav")), np.tile(melody(6.1, rate=8000), 100), rate=8000
    ).rename(path)


def _lying_header(path: Path) -> None:
    """Raw frames of Opus in Ogg, cut off in the middle of a page."""
    whole = write_sound(path.with_suffix(".ogg"), melody(1.0)).read_bytes()
    path.write_bytes(whole[:40])


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


BAD_FILES: list[tuple[str, Callable[[Path], object], str]] = [
    ("missing", lambda path: path.unlink(), "there is no such file"),
    ("empty", lambda path: path.write_bytes(b""), "is empty"),
    ("folder", _folder, "is a folder"),
    ("pipe", _pipe, "not a regular file"),
    ("text", lambda path: path.write_text("hello " * 100), "cannot be read as audio"),
    ("noise", lambda path: path.write_bytes(os.urandom(5000)), "cannot be read as audio"),
    ("cut off", _lying_header, "cannot be read as audio"),
    ("no sound stream", _no_sound, "has no sound stream"),
    ("mute", _mute, "silent from start to end"),
    ("too long", _long, "longer than the limit of 10 minutes"),
    ("too large", lambda path: os.truncate(path, MAX_BYTES + 1), "the limit is 1 GiB"),
]


@pytest.mark.parametrize(
    ("make", "complaint"), [case[1:] for case in BAD_FILES], ids=[case[0] for case in BAD_FILES]
)
def test_a_file_that_cannot_be_said_is_refused_in_one_line(
    tmp_path: Path, make: Callable[[Path], object], complaint: str
) -> None:
    path = tmp_path / "speech"
    path.touch()
    make(path)
    with pytest.raises(ConfigurationError, match=complaint) as caught:
        read_audio(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_pauses_are_counted_and_gaps_between_words_are_not() -> None:
    loud, gap, pause = melody(0.5), np.zeros(2_400, np.int16), np.zeros(24_000, np.int16)
    samples = np.concatenate([pause, loud, gap, loud, pause, loud, pause])
    utterance = Utterance(label="", text="", samples=samples, sample_rate=24_000, source="audio")
    assert silence_between(utterance) == pytest.approx(1.0, abs=0.05)


async def test_frames_hold_every_sample_once() -> None:
    samples = melody(0.33)
    utterance = Utterance(label="", text="", samples=samples, sample_rate=24_000, source="audio")
    data = [bytes(frame.data.cast("B")) async for frame in utterance.frames()]
    assert b"".join(data) == samples.tobytes()
