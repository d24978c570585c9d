"""From frames with times to a film: clocks, encoder, recorder, contact sheet."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from livekit import rtc
from PIL import Image

from avatar_core.contract.errors import ConfigurationError
from avatar_core.demo.arrival_clock import ArrivalClock
from avatar_core.demo.contact_sheet import Mark, draw_contact_sheet
from avatar_core.demo.mp4_writer import Mp4Writer
from avatar_core.demo.part_file import PartFile
from avatar_core.demo.recorder import Recorder, RecordingError
from avatar_core.demo.viewer import Picture, Sound
from tests.demo.film import RATE, read_film
from tests.demo.sounds import melody

STILL = np.full((90, 160, 3), 200, np.uint8)


def plain(brightness: int, *, width: int = 64, height: int = 64) -> npt.NDArray[np.uint8]:
    """A grey I420 picture."""
    picture = np.full((height * 3 // 2, width), 128, np.uint8)
    picture[:height] = brightness
    return picture


def write(path: Path, pictures: list[tuple[float, int]], sounds: list[tuple[float, float]]) -> None:
    """Write grey pictures and stretches of melody, in the order of their times."""
    writer = Mp4Writer(path, width=64, height=64, still=STILL)
    jobs = [(at, "picture", brightness) for at, brightness in pictures]
    jobs += [(at + i / 100, "sound", i) for at, s in sounds for i in range(round(s * 100))]
    tone = melody(20.0, rate=48_000)
    for at, kind, value in sorted(jobs, key=lambda job: job[0]):
        if kind == "picture":
            writer.picture(plain(value), at=at)
        else:
            writer.sound(tone[value * 480 : (value + 1) * 480], at=at)
    writer.close()


def test_an_arrival_that_was_held_up_is_placed_where_it_belongs() -> None:
    clock = ArrivalClock()
    held_up = [0.0] * 50 + [0.29 - 0.01 * i for i in range(30)] + [0.0] * 50
    placed = [
        clock.place(i / 100, arrived=1000.0 + i / 100 + late) for i, late in enumerate(held_up)
    ]
    assert placed == pytest.approx([1000.0 + i / 100 for i in range(len(held_up))], abs=1e-6)


def test_a_real_gap_moves_the_clock_within_seconds() -> None:
    clock = ArrivalClock()
    for i in range(100):
        clock.place(i / 100, arrived=10.0 + i / 100)
    for i in range(100, 600):
        placed = clock.place(i / 100, arrived=12.0 + i / 100)
    assert placed == pytest.approx(12.0 + 5.99)


def test_pictures_keep_their_own_times_and_both_tracks_end_together(tmp_path: Path) -> None:
    times = [0.0, 0.04, 0.083, 0.12, 0.155, 0.2, 0.9]
    write(tmp_path / "f.mp4", [(at, 100) for at in times], [(0.0, 2.0)])
    film = read_film(tmp_path / "f.mp4")
    assert film.times[:6] == pytest.approx(times[:6], abs=0.001)
    assert film.video_seconds == pytest.approx(2.0, abs=0.05)
    assert film.audio_seconds == pytest.approx(2.0, abs=0.05)
    # A picture that stands is written again, so that players can seek in it.
    assert np.diff(film.times).max() <= 0.55


def test_a_flash_and_a_beep_of_one_moment_are_at_one_moment(tmp_path: Path) -> None:
    writer = Mp4Writer(tmp_path / "f.mp4", width=64, height=64, still=STILL)
    beep = np.full(480, 9000, np.int16) * np.where(np.arange(480) % 48 < 24, 1, -1).astype(np.int16)
    for i in range(300):
        on = 100 <= i < 120
        if i % 4 == 0:
            writer.picture(plain(220 if on else 30), at=i / 100)
        writer.sound(beep if on else beep * 0, at=i / 100)
    writer.close()
    film = read_film(tmp_path / "f.mp4")
    bright = [picture[32, 32] > 100 for picture in film.pictures]
    assert film.times[bright.index(True)] == pytest.approx(1.0, abs=0.005)
    assert np.flatnonzero(np.abs(film.samples) > 3000)[0] / RATE == pytest.approx(1.0, abs=0.005)


def test_the_index_comes_first_so_that_a_browser_can_begin_at_once(tmp_path: Path) -> None:
    write(tmp_path / "f.mp4", [(0.0, 100)], [(0.0, 0.5)])
    data = (tmp_path / "f.mp4").read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


def test_silence_fills_a_gap_in_the_sound_and_what_overlaps_is_left_out(tmp_path: Path) -> None:
    write(tmp_path / "f.mp4", [(0.0, 100)], [(0.0, 1.0), (2.0, 1.0), (2.0, 1.0)])
    film = read_film(tmp_path / "f.mp4")
    assert film.audio_seconds == pytest.approx(3.0, abs=0.05)
    assert np.abs(film.during(0.1, 0.9)).max() > 5000
    assert np.abs(film.during(1.1, 1.9)).max() < 300
    assert np.abs(film.during(2.1, 2.9)).max() > 5000


def test_jitter_of_the_sound_is_not_heard(tmp_path: Path) -> None:
    writer = Mp4Writer(tmp_path / "f.mp4", width=64, height=64, still=STILL)
    tone = melody(2.0, rate=48_000)
    jitter = np.random.default_rng(3).uniform(-0.02, 0.02, 200)
    for i in range(200):
        writer.sound(tone[i * 480 : (i + 1) * 480], at=max(0.0, i / 100 + jitter[i]))
    writer.close()
    assert read_film(tmp_path / "f.mp4").audio_seconds == pytest.approx(2.0, abs=0.03)


def test_a_picture_of_another_shape_is_shown_whole_with_bars(tmp_path: Path) -> None:
    writer = Mp4Writer(tmp_path / "f.mp4", width=128, height=128, still=STILL)
    writer.picture(plain(220, width=128, height=128), at=0.0)
    writer.picture(plain(220, width=128, height=64), at=0.2)
    writer.picture(plain(220, width=32, height=64), at=0.4)
    writer.close()
    film = read_film(tmp_path / "f.mp4")
    wide, tall = film.pictures[1], film.pictures[2]
    assert wide[64, 64] > 200 and wide[10, 64] < 40 and wide[118, 64] < 40
    assert tall[64, 64] > 200 and tall[64, 10] < 40 and tall[64, 118] < 40


@pytest.mark.parametrize(("width", "height"), [(65, 64), (64, 65), (63, 63)])
def test_an_odd_size_is_recorded(tmp_path: Path, width: int, height: int) -> None:
    recorder = Recorder(tmp_path / "f.mp4")
    size = width * height + 2 * ((width + 1) // 2) * ((height + 1) // 2)
    for i in range(5):
        data = np.full(size, 128, np.uint8)
        data[: width * height] = 40 * i
        frame = rtc.VideoFrame(width, height, rtc.VideoBufferType.I420, data.tobytes())
        recorder.picture(Picture(frame=frame, at=50 + i / 25))
    recording = recorder.finish()
    assert recording is not None and recording.pictures == 5
    film = read_film(tmp_path / "f.mp4")
    assert film.pictures[0].shape == (height + height % 2, width + width % 2)
    middle = [int(picture[30, 30]) for picture in film.pictures[:5]]
    assert middle == pytest.approx([0, 40, 80, 120, 160], abs=25)


def _grey(brightness: int, at: float) -> Picture:
    data = plain(brightness).tobytes()
    return Picture(frame=rtc.VideoFrame(64, 64, rtc.VideoBufferType.I420, data), at=at)


def _tone(at: float) -> Sound:
    return Sound(samples=melody(0.01, rate=48_000) + np.int16(4000), at=at)


def test_the_film_begins_with_the_first_picture(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "f.mp4")
    recorder.sound(Sound(samples=np.zeros(480, np.int16), at=99.0))
    for i in range(30):
        recorder.picture(_grey(100, 100 + i / 25))
        recorder.sound(_tone(100.5 + i / 100))
    recording = recorder.finish()
    assert recording is not None
    assert recording.started_at == 100
    film = read_film(tmp_path / "f.mp4")
    assert np.abs(film.during(0.1, 0.4)).max() < 300
    assert np.abs(film.during(0.55, 0.75)).max() > 3000


def test_sound_without_pictures_makes_a_film_too(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "f.mp4")
    for i in range(100):
        recorder.sound(_tone(7 + i / 100))
    recording = recorder.finish()
    assert recording is not None and recording.pictures == 0
    film = read_film(tmp_path / "f.mp4")
    assert len(film.samples) == pytest.approx(RATE, rel=0.1)
    assert film.pictures[0].std() > 1  # something is written on it


def test_until_it_is_finished_nothing_has_the_films_name(tmp_path: Path) -> None:
    target = tmp_path / "f.mp4"
    target.write_text("an older film")
    recorder = Recorder(target)
    recorder.picture(_grey(100, 1.0))
    assert target.read_text() == "an older film"
    recorder.abandon()
    assert [path.name for path in tmp_path.iterdir()] == ["f.mp4"]
    assert target.read_text() == "an older film"
    assert not [t for t in threading.enumerate() if t.name == "demo recorder"]


def test_nothing_received_leaves_no_file(tmp_path: Path) -> None:
    assert Recorder(tmp_path / "f.mp4").finish() is None
    assert list(tmp_path.iterdir()) == []


def test_a_film_that_cannot_be_written_is_one_error_and_no_file(tmp_path: Path) -> None:
    folder = tmp_path / "films"
    folder.mkdir()
    recorder = Recorder(folder / "f.mp4")
    shutil.rmtree(folder)  # as an unmounted disk
    for i in range(5):
        recorder.picture(_grey(100, i / 25))
    with pytest.raises(RecordingError, match=r"could not be written to .*f\.mp4"):
        recorder.finish()
    assert not folder.exists()


def test_an_encoder_that_falls_behind_drops_pictures_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    recorder = Recorder(tmp_path / "f.mp4")
    big = np.full(1920 * 1080 * 3 // 2, 90, np.uint8).tobytes()
    frame = rtc.VideoFrame(1920, 1080, rtc.VideoBufferType.I420, big)
    for i in range(260):
        recorder.picture(Picture(frame=frame, at=i / 25))
    recording = recorder.finish()
    assert recording is not None
    assert recording.dropped > 0
    assert recording.pictures + recording.dropped == 260
    assert "falls behind" in caplog.text


@pytest.mark.parametrize(
    ("name", "complaint"),
    [("missing/f.mp4", "No such file"), ("file/f.mp4", "Not a directory"), ("d", "is a folder")],
)
def test_a_target_that_cannot_be_written_is_found_before_anything_else(
    tmp_path: Path, name: str, complaint: str
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "d").mkdir()
    with pytest.raises(ConfigurationError, match=complaint):
        PartFile(tmp_path / name)


def test_a_kept_file_is_as_readable_as_any_other(tmp_path: Path) -> None:
    (tmp_path / "other").touch()
    part = PartFile(tmp_path / "f")
    part.keep()
    part.discard()
    assert (tmp_path / "f").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_the_contact_sheet_shows_the_film_as_it_went(tmp_path: Path) -> None:
    pictures = [(i / 25, 20 + i * 2) for i in range(100)]
    write(tmp_path / "f.mp4", pictures, [(1.0, 2.0)])
    mark = Mark(start=1.0, end=3.0, label="a melody", interrupted=True)
    draw_contact_sheet(tmp_path / "f.mp4", tmp_path / "f.png", title="mock", marks=[mark])
    with Image.open(tmp_path / "f.png") as image:
        sheet = np.asarray(image.convert("L"), dtype=np.int16)
    # The first four thumbnails, left to right, grow brighter as the film does.
    row = sheet[44 + 150, :]
    first = [int(row[24 + 150 + i * 324]) for i in range(4)]
    assert first == sorted(first) and first[0] < first[3] - 20


def test_a_film_of_one_picture_has_a_contact_sheet(tmp_path: Path) -> None:
    write(tmp_path / "f.mp4", [(0.0, 100)], [])
    draw_contact_sheet(tmp_path / "f.mp4", tmp_path / "f.png", title="", marks=[])
    with Image.open(tmp_path / "f.png") as sheet:
        assert sheet.width > 1000
