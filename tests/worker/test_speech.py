"""What the agent sends is what a viewer hears, whatever its form."""

from __future__ import annotations

import asyncio
import time

import numpy as np
import numpy.typing as npt
import pytest

from avatar_core.testing.speech_sound import since
from avatar_core.testing.viewer import SAMPLE_RATE
from tests.worker.conftest import Call
from tests.worker.plain_renderer import PlainRenderer
from tests.worker.speech_sender import pitch, tone


def heard_pitch(call: Call) -> float:
    return pitch_of(call.viewer.heard["avatar"].samples)


def pitch_of(samples: npt.NDArray[np.int16]) -> float:
    loud = np.flatnonzero(np.abs(samples.astype(np.int32)) > 3000)
    middle = samples[loud[0] : loud[-1]]
    quarter = middle.size // 4
    return pitch(middle[quarter:-quarter], rate=SAMPLE_RATE)


async def test_speech_of_any_rate_is_heard_at_its_pitch_and_length(call: Call) -> None:
    await call.start()
    for count, rate in enumerate([8000, 16000, 22050, 24000, 44100, 48000], start=1):
        began = time.monotonic()
        await call.sender.say(tone(1.0, hz=440, rate=rate), rate=rate)
        report = (await call.sender.until_finished(count))[-1]
        await call.heard_to_the_end(1.0, since=began)
        assert report.interrupted is False
        assert report.position == pytest.approx(1.0, abs=0.002)
        heard = call.viewer.heard["avatar"]
        assert pitch_of(since(heard, began)) == pytest.approx(440, rel=0.03), rate
        assert heard.loud_seconds(since=began) == pytest.approx(1.0, rel=0.5), rate


async def test_stereo_is_mixed_to_one_channel(call: Call) -> None:
    renderer = PlainRenderer()
    await call.start(call.worker(renderer=renderer))
    left, right = tone(1.0, hz=300), np.zeros(24000, dtype=np.int16)
    await call.sender.say(np.stack([left, right], axis=1).reshape(-1), channels=2)
    [report] = await call.sender.until_finished(1)
    await call.heard_to_the_end(1.0)
    assert report.position == pytest.approx(1.0, abs=0.002)
    assert heard_pitch(call) == pytest.approx(300, rel=0.03)
    assert renderer.heard_samples == 48000


@pytest.mark.parametrize("chunk_bytes", [1, 7, 4801])
async def test_samples_cut_across_chunks_are_put_together(call: Call, chunk_bytes: int) -> None:
    await call.start()
    seconds = {1: 0.002, 7: 0.02, 4801: 0.5}[chunk_bytes]
    speech = tone(seconds, rate=24000, channels=2)
    await call.sender.say(speech, channels=2, chunk_bytes=chunk_bytes)
    [report] = await call.sender.until_finished(1)
    assert report.position == pytest.approx(seconds, rel=0.05)


async def test_half_a_sample_at_the_end_is_dropped(call: Call) -> None:
    await call.start()
    await call.sender.say(tone(0.5).tobytes() + b"\x01")
    [report] = await call.sender.until_finished(1)
    assert report.position == pytest.approx(0.5, abs=0.002)


async def test_a_start_is_reported_before_the_end_with_an_empty_payload(call: Call) -> None:
    await call.start()
    await call.sender.say(tone(0.3))
    await call.sender.until_finished(1)
    methods = [report.method for report in call.sender.reports]
    assert methods == ["lk.playback_started", "lk.playback_finished"]
    assert call.sender.started[0].payload == ""
    assert call.sender.finished[0].at - call.sender.started[0].at == pytest.approx(0.3, abs=0.2)


async def test_minutes_of_speech_sent_at_once_play_in_real_time(call: Call) -> None:
    renderer = PlainRenderer(fps=10)
    await call.start(call.worker(renderer=renderer))
    await call.sender.say(tone(120), chunk_bytes=60000)
    await call.viewer.until(lambda: renderer.heard_samples == 120 * 48000)
    arrived = renderer.moments[-1]
    assert arrived.position < 60  # all of it is there long before it is heard
    await call.viewer.until(lambda: renderer.moments[-1].position > arrived.position + 1)
    took = renderer.moments[-1].time - arrived.time
    assert took == pytest.approx(renderer.moments[-1].position - arrived.position, abs=0.05)
    assert await call.sender.clear() == "ok"
    [report] = await call.sender.until_finished(1)
    assert report.interrupted is True
    assert 1.0 < report.position < 100


async def test_slow_speech_plays_whole_with_gaps(call: Call) -> None:
    await call.start()
    writer = await call.sender.open()
    for part in np.array_split(tone(0.6), 3):
        await writer.write(part.tobytes())
        # Longer than the part lasts: that the queue runs dry is what is tested.
        await asyncio.sleep(0.5)
    await writer.aclose()
    [report] = await call.sender.until_finished(1)
    await call.heard_to_the_end(0.6)
    assert report.position == pytest.approx(0.6, abs=0.002)
    assert report.interrupted is False


async def test_segments_back_to_back_are_each_reported_once_and_in_order(call: Call) -> None:
    renderer = PlainRenderer()
    await call.start(call.worker(renderer=renderer))
    lengths = [0.1 + 0.01 * number for number in range(20)]
    for length in lengths:
        await call.sender.say(tone(length))
    finished = await call.sender.until_finished(20)
    assert [report.position for report in finished] == pytest.approx(lengths, abs=0.002)
    assert not any(report.interrupted for report in finished)
    methods = [report.method for report in call.sender.reports]
    assert methods == ["lk.playback_started", "lk.playback_finished"] * 20
    await call.heard_to_the_end(sum(lengths))
    assert renderer.told["interrupted"] == 0
    assert renderer.told["idle"] >= 1
    assert renderer.moments[-1].segment == 20
    assert renderer.moments[-1].speaking is False


async def test_an_empty_segment_is_reported_finished_at_zero(call: Call) -> None:
    await call.start()
    await call.sender.say(b"")
    await call.sender.say(tone(0.2))
    empty, spoken = await call.sender.until_finished(2)
    assert (empty.position, empty.interrupted) == (0.0, False)
    assert spoken.position == pytest.approx(0.2, abs=0.002)
    assert len(call.sender.started) == 1


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"sample_rate": "24000"},
        {"sample_rate": "fast", "num_channels": "1"},
        {"sample_rate": "0", "num_channels": "1"},
        {"sample_rate": "24000", "num_channels": "-2"},
        {"sample_rate": "9" * 30, "num_channels": "1"},
    ],
    ids=["none", "no channels", "no number", "zero", "negative", "huge"],
)
async def test_a_stream_that_makes_no_sense_harms_only_itself(
    call: Call, attributes: dict[str, str]
) -> None:
    await call.start()
    writer = await call.sender.open(attributes=attributes)
    await writer.write(b"\x01\x02\x03")
    await writer.aclose()
    await call.sender.say(tone(0.2))
    senseless, spoken = await call.sender.until_finished(2)
    assert (senseless.position, senseless.interrupted) == (0.0, True)
    assert spoken.position == pytest.approx(0.2, abs=0.002)
    assert spoken.interrupted is False


async def test_a_stream_that_is_never_closed_ends_when_a_newer_one_comes(call: Call) -> None:
    await call.start()
    forgotten = await call.sender.open()
    await forgotten.write(tone(0.3).tobytes())
    await call.sender.until_started(1)
    await call.sender.say(tone(0.2))
    first, second = await call.sender.until_finished(2)
    assert first.position == pytest.approx(0.3, abs=0.002)
    assert second.position == pytest.approx(0.2, abs=0.002)
    await forgotten.aclose()


async def test_a_stream_without_data_ends_after_the_idle_time(call: Call) -> None:
    await call.start(stream_idle_timeout=0.5)
    forgotten = await call.sender.open()
    await forgotten.write(tone(0.2).tobytes())
    [report] = await call.sender.until_finished(1)
    assert report.position == pytest.approx(0.2, abs=0.002)
    assert report.interrupted is False
    await forgotten.aclose()


async def test_speech_of_anyone_but_the_agent_is_ignored(call: Call) -> None:
    await call.start()
    stranger = await call.join("stranger")
    await stranger.say(tone(5.0, hz=900))
    assert await stranger.clear() == "reject"
    await call.sender.say(tone(0.5, hz=300))
    [report] = await call.sender.until_finished(1)
    await call.heard_to_the_end(0.5)
    assert report.position == pytest.approx(0.5, abs=0.002)
    assert heard_pitch(call) == pytest.approx(300, rel=0.03)
    assert stranger.reports == []


async def test_without_an_identity_the_first_that_sends_is_the_agent(call: Call) -> None:
    worker = await call.start(agent_identity=None)
    assert await call.sender.clear() == "reject"  # nobody has sent yet
    await call.sender.say(tone(0.2))
    await call.sender.until_finished(1)
    assert worker.agent_identity == "agent"
    assert await call.sender.clear() == "ok"
