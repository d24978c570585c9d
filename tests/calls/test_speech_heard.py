from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from livekit import rtc
from livekit.agents.voice.room_io import RoomOptions, TextOutputOptions

from avatar_core.livekit_server import LiveKitServer
from avatar_core.testing.call_stage import CallStage, open_call_stage
from avatar_core.testing.microphone import microphone_of
from avatar_core.testing.playback_log import PlaybackLog
from avatar_core.testing.speech_sound import assert_whole, read_sweep, since, sweep
from avatar_core.testing.viewer import RecordingViewer
from tests.calls.avatar_in_call import Order, avatar_in

AVATAR = "mock-avatar-agent"


@pytest.mark.parametrize("order", ["avatar first", "session first"])
@pytest.mark.parametrize(
    "text_output",
    [True, False, TextOutputOptions(sync_transcription=False)],
    ids=["transcription", "no text output", "transcription not synchronized"],
)
async def test_the_viewer_hears_the_whole_sentence_from_the_avatar(
    stage: CallStage, order: Order, text_output: Any
) -> None:
    agent = {"room_options": RoomOptions(text_output=text_output)}
    async with avatar_in(stage, order=order, agent=agent):
        log = PlaybackLog(stage.agent_session.output.audio)
        await stage.agent_session.say("a sentence", audio=sweep(seconds=2)).wait_for_playout()
        await stage.viewer.until_silent(AVATAR)
        assert_whole(read_sweep(stage.viewer.heard[AVATAR].samples), seconds=2)
        assert log.order == "spf"
        assert log.finished[0].playback_position == pytest.approx(2, abs=0.01)
        assert not log.finished[0].interrupted
        log.assert_progress_covers(2)
        assert stage.viewer.heard["agent"].loud_seconds() == 0


@pytest.mark.parametrize("wanted", [None, 16000], ids=["any rate", "avatar wants 16 kHz"])
async def test_speech_of_every_format_arrives_whole_and_in_pitch_also_one_after_another(
    stage: CallStage, wanted: int | None
) -> None:
    async with avatar_in(stage, sample_rate=wanted):
        session = stage.agent_session
        log = PlaybackLog(session.output.audio)
        rates = (24000, 8000, 48000, 16000)
        formats = [(rate, channels) for channels in (1, 2) for rate in rates]
        for rate, channels in formats:
            began = time.monotonic()
            speech = sweep(seconds=0.8, sample_rate=rate, channels=channels)
            await session.say("another voice", audio=speech).wait_for_playout()
            await stage.viewer.until_silent(AVATAR)
            assert_whole(read_sweep(since(stage.viewer.heard[AVATAR], began)), seconds=0.8)
        assert log.order == "spf" * len(formats)
        assert [event.playback_position for event in log.finished] == pytest.approx(
            [0.8] * len(formats), abs=0.01
        )


async def test_pictures_of_the_size_asked_for_decode(stage: CallStage) -> None:
    async with avatar_in(stage, width=256, height=192, fps=15):
        await stage.viewer.until_seen(AVATAR, pictures=20)
        seen = stage.viewer.seen[AVATAR]
        assert set(seen.sizes[3:]) == {(256, 192)}
        assert seen.latest is not None
        assert luma(seen.latest).std() > 10, "a picture of one colour is no face"


async def test_the_mouth_moves_with_the_sound(livekit_server: LiveKitServer) -> None:
    pictures: list[tuple[float, npt.NDArray[np.float64]]] = []

    def keep(_: str, picture: rtc.VideoFrame, at: float) -> None:
        pictures.append((at, luma(picture)))

    viewer = RecordingViewer(on_picture=keep)
    async with (
        open_call_stage(livekit_server, viewer=viewer) as stage,
        microphone_of(viewer),
        avatar_in(stage, size=128, fps=25),
    ):
        await viewer.until_seen(AVATAR, pictures=10)
        pictures.clear()
        heard_from = time.monotonic()
        await stage.agent_session.say("bursts", audio=bursts(count=6)).wait_for_playout()
        await viewer.until_silent(AVATAR)
    loud_at = np.array(viewer.heard[AVATAR].loud_times(since=heard_from))
    times = np.array([at for at, _ in pictures])
    sounding = np.array([np.abs(loud_at - at).min() < 0.06 for at in times], dtype=np.float64)
    height, width = pictures[0][1].shape
    # The lower face: eyes blink and brows rise on their own.
    face = np.stack([picture for _, picture in pictures])[
        :, round(height * 0.53) : round(height * 0.72), round(width * 0.37) : round(width * 0.63)
    ]
    # Where the mouth is, is learnt from the first half; that it moves is seen in the second.
    middle = len(face) // 2
    likeness = pixel_likeness(face[:middle], sounding[:middle])
    mouth = np.abs(likeness) >= np.quantile(np.abs(likeness), 0.9)
    movement = (face[middle:] * np.sign(likeness))[:, mouth].mean(axis=1)
    heard = sounding[middle:]
    best = max(
        float(np.corrcoef(np.roll(movement, shift)[5:-5], heard[5:-5])[0, 1])
        for shift in range(-5, 6)
    )
    assert best > 0.5


def pixel_likeness(
    face: npt.NDArray[np.float64], signal: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """How much each pixel goes with a signal, -1 to 1; still ones with none."""
    pixels, centred = face - face.mean(axis=0), signal - signal.mean()
    scale = np.sqrt((pixels**2).sum(axis=0)) * np.sqrt((centred**2).sum())
    found: npt.NDArray[np.float64] = np.tensordot(centred, pixels, axes=(0, 0)) / (scale + 50)
    return found


async def bursts(*, count: int) -> AsyncIterator[rtc.AudioFrame]:
    """Half a second of a sung "ah", which opens a mouth wide, then as much silence, and so on."""
    at = np.arange(12000) / 24000
    wave = sum(
        np.sin(2 * np.pi * harmonic * 130 * at)
        / (1 + min(abs(harmonic * 130 - formant) for formant in (750, 1200)) / 100)
        for harmonic in range(1, 25)
    )
    sung = (wave / np.abs(wave).max() * 15000).astype(np.int16)
    for _ in range(count):
        yield rtc.AudioFrame(sung.tobytes(), 24000, 1, 12000)
        yield rtc.AudioFrame(bytes(24000), 24000, 1, 12000)


def luma(picture: rtc.VideoFrame) -> npt.NDArray[np.float64]:
    plane = np.frombuffer(picture.data, dtype=np.uint8)[: picture.width * picture.height]
    return plane.reshape(picture.height, picture.width).astype(np.float64)
