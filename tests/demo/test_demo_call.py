"""Whole demo calls: a real server, a real agent, a real avatar, a film that is decoded again."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from livekit import api
from PIL import Image
from rich.console import Console

from avatar_core.demo.command import DemoRequest, NothingReceivedError, run_demo
from avatar_core.demo.speech import synthesize
from avatar_core.demo.timeline import Timeline
from avatar_core.livekit_server import LiveKitServer
from tests.demo.film import RATE, SAME_SPEECH, read_film, read_sound, similarity
from tests.demo.sounds import melody, write_sound

Run = Callable[..., Timeline]

TEXT = "Good morning! One, two, three, four."


@pytest.fixture
def run(livekit_server: LiveKitServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Runs a demo on the test's server; its output is lines, as in a pipe."""
    monkeypatch.setenv("LIVEKIT_URL", livekit_server.url)
    monkeypatch.setenv("LIVEKIT_API_KEY", livekit_server.api_key)
    monkeypatch.setenv("LIVEKIT_API_SECRET", livekit_server.api_secret)

    def run(
        *inputs: str | Path,
        options: Sequence[str] = ("size=256",),
        provider: str | None = None,
        **settings: Any,
    ) -> Timeline:
        request = DemoRequest(
            inputs=inputs,
            interruptions=settings.get("interruptions", ()),
            provider=provider,
            options=options,
            seconds=settings.get("seconds"),
            out=tmp_path / "film.mp4",
        )
        return run_demo(request, console=Console(file=io.StringIO()))

    return run


def sent(text: str, tmp_path: Path) -> Any:
    """What the voice says, at the film's rate."""
    speech = synthesize(text)
    path = write_sound(tmp_path / "sent.wav", speech.samples, rate=speech.sample_rate)
    return read_sound(path)


@pytest.mark.every_python
def test_the_film_shows_a_moving_mouth_and_holds_the_speech_that_was_sent(
    run: Run, tmp_path: Path
) -> None:
    tune = write_sound(tmp_path / "tune.flac", melody(2.0))
    timeline = run(TEXT, tune)

    film = read_film(tmp_path / "film.mp4")
    assert (film.video_codec, film.audio_codec, film.pixel_format) == ("h264", "aac", "yuv420p")
    assert film.pictures[0].shape == (256, 256)
    assert abs(film.video_seconds - film.audio_seconds) < 0.1
    assert np.all(np.diff(film.times) > 0)
    assert timeline.recording is not None
    assert film.video_seconds == pytest.approx(timeline.recording.seconds, abs=0.1)
    assert len(film.pictures) >= timeline.recording.pictures > 15 * film.video_seconds

    spoken, at = similarity(film.samples, sent(TEXT, tmp_path))
    played, later = similarity(film.samples, read_sound(tune))
    assert spoken > SAME_SPEECH
    assert played > SAME_SPEECH
    first, second = timeline.segments
    assert at == pytest.approx((first.heard_at or 0) - timeline.recording_at, abs=0.3)
    assert later > at + first.seconds

    # A face at rest sways and breathes as well: what differs is the mouth.
    speaking = (film.times > at + 0.2) & (film.times < at + first.seconds - 0.2)
    resting = film.times < at - 0.1
    mouth = film.mouth(resting)
    assert mouth[speaking].mean() > 2 * mouth[resting].mean()

    assert [s.label for s in timeline.segments] == [TEXT, "tune.flac"]
    assert first.position == pytest.approx(first.seconds, abs=0.1)
    assert second.position == pytest.approx(second.seconds, abs=0.1)
    assert not first.interrupted and not second.interrupted
    landmarks = (
        timeline.started_at,
        timeline.joined_at,
        timeline.first_frame_at,
        timeline.first_sound_at,
        timeline.ended_at,
    )
    assert all(landmark is not None for landmark in landmarks)
    assert timeline.joined_at < timeline.first_sound_at < timeline.ended_at  # type: ignore[operator]
    with Image.open(tmp_path / "film.png") as sheet:
        assert sheet.format == "PNG"
        assert sheet.width > 1000
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "film.mp4",
        "film.png",
        "sent.wav",
        "tune.flac",
    ]


def test_an_interruption_cuts_the_sound_and_the_next_segment_is_whole(
    run: Run, tmp_path: Path
) -> None:
    tune = write_sound(tmp_path / "tune.wav", melody(6.0))
    timeline = run(tune, TEXT, interruptions=[1.5])

    cut, whole = timeline.segments
    assert cut.interrupted
    assert cut.interrupted_at == pytest.approx((cut.started_at or 0) + 1.5, abs=0.5)
    assert cut.position is not None and 1.0 < cut.position < 3.0
    assert cut.stopped_after is not None and cut.stopped_after < 1.5
    film = read_film(tmp_path / "film.mp4")
    after = cut.interrupted_at or 0.0
    silent = film.during(
        after + cut.stopped_after + 0.1 - timeline.recording_at,
        whole.said_at - timeline.recording_at,
    )
    assert len(silent) == 0 or np.abs(silent).max() < 1000
    assert not whole.interrupted
    assert similarity(film.samples, sent(TEXT, tmp_path))[0] > SAME_SPEECH
    assert any("interrupted" in event for _, event in timeline.events)


def test_without_an_avatar_the_film_has_the_agents_voice(run: Run, tmp_path: Path) -> None:
    timeline = run(TEXT, provider="off", options=())

    film = read_film(tmp_path / "film.mp4")
    assert similarity(film.samples, sent(TEXT, tmp_path))[0] > SAME_SPEECH
    assert film.motion.max() < 1
    assert abs(film.video_seconds - film.audio_seconds) < 0.1
    assert timeline.joined_at is None
    assert not timeline.avatar_missing


def test_a_provider_that_fails_leaves_a_film_of_the_voice_and_is_told(
    run: Run, tmp_path: Path
) -> None:
    timeline = run("Still here.", options=["fail=unavailable"])

    assert timeline.avatar_missing
    assert timeline.segments[0].heard_at is not None
    assert len(read_film(tmp_path / "film.mp4").samples) > RATE


def test_seconds_end_the_call_in_order_and_the_film_is_kept(run: Run, tmp_path: Path) -> None:
    tune = write_sound(tmp_path / "tune.wav", melody(30.0))
    timeline = run(tune, seconds=5.0)

    assert timeline.stopped_by == "time"
    assert 5.0 <= timeline.ended_at < 12.0
    assert timeline.segments[0].interrupted
    assert read_film(tmp_path / "film.mp4").video_seconds < 12.0


def test_an_avatar_that_goes_deaf_does_not_hang_the_demo(run: Run) -> None:
    timeline = run("Hello?", options=["size=256", "deaf_after=0.1"])

    assert timeline.segments[0].heard_at is None
    assert timeline.recording is not None


def test_a_call_of_which_nothing_was_received_leaves_no_film(run: Run, tmp_path: Path) -> None:
    with pytest.raises(NothingReceivedError, match="no film"):
        run("Hello?", options=["worker=none"])
    assert list(tmp_path.iterdir()) == []


def test_a_greeting_is_spoken_when_nothing_is_given(run: Run) -> None:
    timeline = run(seconds=4.0)
    assert timeline.segments[0].label.startswith("Hello!")


def test_the_room_is_gone_after_the_call(run: Run, livekit_server: LiveKitServer) -> None:
    timeline = run("Bye.", options=["size=64"])
    assert timeline.room not in asyncio.run(_rooms(livekit_server))


async def _rooms(server: LiveKitServer) -> list[str]:
    async with server.api() as client:
        rooms = await client.room.list_rooms(api.ListRoomsRequest())
    return [room.name for room in rooms.rooms]
