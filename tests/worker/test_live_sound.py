"""Sound that comes frame by frame and not by stream: played as it comes, told to nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import numpy as np
import pytest
from livekit import rtc

from avatar_core.testing.viewer import SAMPLE_RATE
from avatar_core.worker import AvatarWorker
from avatar_core.worker.segment import Samples
from tests.worker.conftest import Call
from tests.worker.plain_renderer import PlainRenderer
from tests.worker.speech_sender import pitch, tone


def frames(samples: Samples, *, rate: int = 48000, channels: int = 1) -> Iterator[rtc.AudioFrame]:
    """Cut sound into frames of 20 ms."""
    step = rate // 50
    for begin in range(0, samples.size // channels, step):
        part = samples[begin * channels : (begin + step) * channels]
        yield rtc.AudioFrame(part.tobytes(), rate, channels, part.size // channels)


def silence(seconds: float, *, rate: int = 48000) -> Samples:
    return np.zeros(round(seconds * rate), dtype=np.int16)


async def speak(
    worker: AvatarWorker,
    samples: Samples,
    *,
    rate: int = 48000,
    channels: int = 1,
    sender: str | None = "agent",
) -> None:
    """Let a worker hear sound as a track brings it: in real time."""
    loop = asyncio.get_running_loop()
    begin = loop.time()
    for number, frame in enumerate(frames(samples, rate=rate, channels=channels)):
        worker.hear(frame, sender=sender)
        await asyncio.sleep(max(0.0, begin + 0.02 * (number + 1) - loop.time()))


@pytest.mark.parametrize(
    ("rate", "channels"), [(8000, 1), (16000, 1), (24000, 2), (44100, 1), (48000, 2)]
)
async def test_live_sound_of_any_form_is_heard_at_its_pitch_and_length(
    call: Call, rate: int, channels: int
) -> None:
    worker = await call.start()
    sound = tone(1.0, hz=440, rate=rate, channels=channels)
    await speak(worker, sound, rate=rate, channels=channels)
    await call.heard_to_the_end(1.0)
    samples = call.viewer.heard["avatar"].samples
    loud = np.flatnonzero(np.abs(samples.astype(np.int32)) > 3000)
    quarter = (loud[-1] - loud[0]) // 4
    middle = samples[loud[0] + quarter : loud[-1] - quarter]
    assert pitch(middle, rate=SAMPLE_RATE) == pytest.approx(440, rel=0.03)
    assert call.viewer.heard["avatar"].loud_seconds() == pytest.approx(1.0, rel=0.5)


async def test_nobody_is_told_how_live_sound_was_played(call: Call) -> None:
    worker = await call.start()
    await speak(worker, tone(0.5, rate=48000))
    await call.heard_to_the_end(0.5)
    assert await call.sender.clear() == "ok"
    await call.sender.say(tone(0.2))  # what would have been reported before is not
    [report] = await call.sender.until_finished(1)
    assert report.position == pytest.approx(0.2, abs=0.002)
    assert len(call.sender.reports) == 2


async def test_the_renderer_takes_what_is_loud_for_segments(call: Call) -> None:
    renderer = PlainRenderer()
    worker = await call.start(call.worker(renderer=renderer))
    word = tone(0.4, rate=48000)
    await speak(worker, np.concatenate((silence(0.4), word, silence(1.2), word, silence(1.2))))
    spoken = [moment for moment in renderer.moments if moment.speaking]
    assert {moment.segment for moment in spoken} == {1, 2}
    assert renderer.told["idle"] == 2
    assert renderer.told["interrupted"] == 0
    assert renderer.moments[-1].speaking is False
    assert renderer.moments[-1].segment == 2
    # Both words, with the half second in which each could have gone on.
    assert renderer.heard_samples / 48000 == pytest.approx(2 * 0.9, abs=0.1)


async def test_a_source_that_ends_in_the_middle_of_a_word_leaves_nobody_speaking(
    call: Call,
) -> None:
    renderer = PlainRenderer()
    worker = await call.start(call.worker(renderer=renderer))
    await speak(worker, tone(0.5, rate=48000))
    assert renderer.moments[-1].speaking is True
    await call.viewer.until(lambda: renderer.told["idle"] == 1)
    await call.viewer.until(lambda: not renderer.moments[-1].speaking)
    await speak(worker, tone(0.5, rate=48000))
    await call.viewer.until(lambda: renderer.told["idle"] == 2)


async def test_sound_that_comes_in_one_burst_is_cut_to_its_latest_part(call: Call) -> None:
    worker = await call.start()
    await speak(worker, silence(0.5))
    # As after an event loop that stood still for three seconds.
    for frame in frames(tone(3.0, rate=48000)):
        worker.hear(frame, sender="agent")
    await speak(worker, silence(1.0))
    await call.viewer.until_heard("avatar", seconds=0.05)
    await call.viewer.until_silent("avatar")
    assert call.viewer.heard["avatar"].loud_seconds() < 1.0


async def test_after_a_burst_the_next_word_is_soon_heard(call: Call) -> None:
    renderer = PlainRenderer(fps=50)
    worker = await call.start(call.worker(renderer=renderer))
    for frame in frames(tone(1.0, rate=48000)):
        worker.hear(frame, sender="agent")
    await speak(worker, silence(2.0))
    drawn = len(renderer.moments)
    asked = renderer.moments[-1].time
    await speak(worker, tone(0.6, rate=48000))
    await call.viewer.until(lambda: any(m.speaking for m in renderer.moments[drawn:]))
    first, *_ = [moment for moment in renderer.moments[drawn:] if moment.speaking]
    assert first.time - asked < 0.4  # in all, on a machine that may be busy


async def test_a_clear_request_cuts_live_sound_off(call: Call) -> None:
    renderer = PlainRenderer()
    worker = await call.start(call.worker(renderer=renderer, agent_identity=None))
    stranger = await call.join("stranger")
    speech = asyncio.create_task(speak(worker, tone(20, rate=48000), sender="agent"))
    await call.viewer.until_heard("avatar", seconds=0.5)
    assert worker.agent_identity == "agent"
    assert await stranger.clear() == "reject"
    assert renderer.told["interrupted"] == 0
    speech.cancel()  # who wants silence stops the source first
    assert await call.sender.clear() == "ok"
    drawn = len(renderer.moments)
    await call.viewer.until_silent("avatar")
    assert renderer.told["interrupted"] == 1
    assert not any(moment.speaking for moment in renderer.moments[drawn + 2 :])
    assert call.sender.reports == []


async def test_a_clear_request_in_a_pause_interrupts_nothing(call: Call) -> None:
    renderer = PlainRenderer()
    worker = await call.start(call.worker(renderer=renderer))
    await speak(worker, silence(0.3))
    assert await call.sender.clear() == "ok"
    assert renderer.told["interrupted"] == 0
    await speak(worker, tone(0.5, rate=48000))
    await call.heard_to_the_end(0.5)


async def test_a_stream_goes_first_and_live_sound_goes_on_after_it(call: Call) -> None:
    renderer = PlainRenderer()
    worker = await call.start(call.worker(renderer=renderer))
    live = asyncio.create_task(speak(worker, tone(20, hz=900, rate=48000), sender=None))
    await call.viewer.until_heard("avatar", seconds=0.3)
    await call.sender.say(tone(0.8, hz=300))
    [report] = await call.sender.until_finished(1)
    assert report.position == pytest.approx(0.8, abs=0.002)
    assert report.interrupted is False
    drawn = len(renderer.moments)
    await call.viewer.until(lambda: any(m.segment == 3 for m in renderer.moments[drawn:]))
    live.cancel()
    assert renderer.told["interrupted"] == 0


async def test_a_deaf_worker_plays_no_live_sound(call: Call) -> None:
    renderer = PlainRenderer()
    worker = await call.start(call.worker(renderer=renderer))
    worker.go_deaf()
    await speak(worker, tone(1.0, rate=48000))
    assert renderer.told["hear"] == 0
    assert call.viewer.heard["avatar"].loud_seconds() == 0


async def test_sound_before_the_start_and_after_the_end_is_nobodys(call: Call) -> None:
    worker = call.worker()
    frame = next(frames(tone(0.1, rate=48000)))
    worker.hear(frame)
    await call.start(worker)
    await speak(worker, tone(0.3, rate=48000))
    await worker.aclose()
    worker.hear(frame)
    assert call.sender.reports == []


async def test_a_frame_that_makes_no_sense_is_refused(call: Call) -> None:
    worker = await call.start()
    with pytest.raises(ValueError, match="sample_rate"):
        worker.hear(rtc.AudioFrame(bytes(20), 100, 1, 10))
    await speak(worker, tone(0.3, rate=48000))
    await call.heard_to_the_end(0.3)
