"""The picture: full rate, in time with the sound, and not at the mercy of the renderer."""

from __future__ import annotations

import logging
import statistics
import time

import numpy as np
import pytest
from livekit import rtc

from avatar_core.testing.viewer import RecordingViewer
from avatar_core.worker import Moment
from tests.worker.conftest import Call
from tests.worker.plain_renderer import PlainRenderer
from tests.worker.speech_sender import tone


async def test_512_by_512_reaches_the_viewer_at_more_than_the_preset_20_fps(call: Call) -> None:
    await call.start(call.worker(renderer=PlainRenderer(size=512, fps=25)))
    await call.viewer.until_seen("avatar", pictures=25)
    await call.viewer.until_seen("avatar", pictures=125)
    times = call.viewer.seen["avatar"].times[25:125]
    fps = (len(times) - 1) / (times[-1] - times[0])
    assert 20.5 < fps < 27
    assert call.viewer.seen["avatar"].sizes[-1] == (512, 512)


async def test_the_picture_changes_with_the_sound(empty_call: Call) -> None:
    white: list[tuple[float, bool]] = []

    def on_picture(identity: str, frame: rtc.VideoFrame, at: float) -> None:
        pixel = int(np.frombuffer(frame.data, dtype=np.uint8)[frame.width * frame.height // 2])
        white.append((at, pixel > 120))

    call = empty_call
    viewer = call.viewer = RecordingViewer(on_picture=on_picture)
    await call.sender.join(url=call.server.url, token=call.token("agent"))
    await viewer.connect(url=call.server.url, token=call.token("viewer"))
    await call.start()
    await viewer.until_seen("avatar", pictures=5)
    offsets = []
    for number in range(1, 6):
        since = time.monotonic()
        await call.sender.say(tone(0.5))
        await call.sender.until_finished(number)
        await viewer.until_heard("avatar", seconds=0.3, since=since)
        await viewer.until_silent("avatar")
        heard = viewer.heard["avatar"].loud_times(since=since)[0]
        seen = next(at for at, is_white in white if at >= since and is_white)
        offsets.append(seen - heard)
    # What a viewer's jitter buffer adds to sound on a busy machine is not the worker's; the
    # worker's own part is proved to the sample in test_timeline.
    assert abs(statistics.median(offsets)) < 0.4


async def test_moments_follow_the_segment(call: Call) -> None:
    renderer = PlainRenderer()
    worker = await call.start(call.worker(renderer=renderer))
    worker.set_agent_state("speaking")
    silent = renderer.moments[-1]
    assert (silent.speaking, silent.audio.size, silent.segment) == (False, 0, 0)
    await call.sender.say(tone(1.0))
    await call.sender.until_finished(1)
    spoken = [moment for moment in renderer.moments if moment.speaking]
    positions = [moment.position for moment in spoken]
    assert len(spoken) > 15
    assert positions == sorted(positions)
    assert all(moment.audio.size == 48000 / 25 for moment in spoken[1:-1])
    assert all(moment.segment == 1 for moment in spoken)
    assert spoken[-1].agent_state == "speaking"
    times = [moment.time for moment in renderer.moments]
    assert times == sorted(times)


class FailingRenderer(PlainRenderer):
    def __init__(self) -> None:
        super().__init__()
        self.failing = True

    def draw(self, moment: Moment) -> rtc.VideoFrame:
        picture = super().draw(moment)
        if self.failing:
            raise ZeroDivisionError("no picture")
        return picture

    def hear(self, frame: rtc.AudioFrame) -> None:
        raise KeyError("no ears")


async def test_a_failing_renderer_is_logged_once_per_kind_and_the_call_goes_on(
    call: Call, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR, logger="avatar_core")
    await call.start(call.worker(renderer=FailingRenderer()))
    await call.viewer.until_seen("avatar", pictures=5)  # grey ones
    await call.sender.say(tone(0.5))
    [report] = await call.sender.until_finished(1)
    assert report.position == pytest.approx(0.5, abs=0.002)
    kinds = [record.exc_info[0] for record in caplog.records if record.exc_info]
    assert sorted(kind.__name__ for kind in kinds if kind) == ["KeyError", "ZeroDivisionError"]


class ShortRenderer(PlainRenderer):
    def draw(self, moment: Moment) -> rtc.VideoFrame:
        return rtc.VideoFrame(1920, 1080, rtc.VideoBufferType.I420, b"too short")


async def test_a_picture_with_too_few_bytes_never_reaches_native_code(call: Call) -> None:
    await call.start(call.worker(renderer=ShortRenderer()))
    await call.viewer.until_seen("avatar", pictures=5)
    assert call.viewer.seen["avatar"].sizes[-1] == (64, 64)


class SlowRenderer(PlainRenderer):
    def draw(self, moment: Moment) -> rtc.VideoFrame:
        if len(self.moments) == 20:
            time.sleep(0.5)
        return super().draw(moment)


async def test_pictures_missed_by_a_stall_are_left_out_not_made_up_for(call: Call) -> None:
    renderer = SlowRenderer()
    await call.start(call.worker(renderer=renderer))
    await call.viewer.until(lambda: len(renderer.moments) > 40)
    times = [moment.time for moment in renderer.moments[20:40]]
    assert times[-1] - times[0] > 0.6  # 19 frames at 25 fps: 0.76 s, and no burst after the stall
