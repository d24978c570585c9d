"""``lk.clear_buffer`` in every phase of a segment."""

from __future__ import annotations

import asyncio

import pytest

from tests.worker.conftest import Call
from tests.worker.plain_renderer import PlainRenderer
from tests.worker.speech_sender import tone


async def test_speech_is_cut_off_at_once_and_its_position_is_what_was_heard(call: Call) -> None:
    renderer = PlainRenderer()
    await call.start(call.worker(renderer=renderer))
    await call.sender.say(tone(10))
    await call.viewer.until_heard("avatar", seconds=0.5)
    assert await call.sender.clear() == "ok"
    # With the answer the sound has stopped: of what is drawn from now on, nothing is new.
    drawn = len(renderer.moments)
    [report] = await call.sender.until_finished(1)
    await call.viewer.until_silent("avatar")
    assert report.interrupted is True
    # Generous: a busy machine's jitter buffer stretches what it plays.
    assert report.position == pytest.approx(call.viewer.heard["avatar"].loud_seconds(), abs=0.5)
    assert not any(moment.speaking for moment in renderer.moments[drawn + 2 :])
    assert renderer.told["interrupted"] == 1
    assert renderer.told["idle"] == 0


async def test_before_the_first_sound_nothing_is_heard_of_it(call: Call) -> None:
    await call.start()
    writer = await call.sender.open()  # a header, no data
    assert await call.sender.clear() == "ok"
    [report] = await call.sender.until_finished(1)
    assert (report.position, report.interrupted) == (0.0, True)
    await writer.write(tone(1.0).tobytes())
    await writer.aclose()
    await call.sender.say(tone(0.2))
    _, spoken = await call.sender.until_finished(2)
    assert spoken.position == pytest.approx(0.2, abs=0.002)
    await call.heard_to_the_end(0.2)
    assert call.viewer.heard["avatar"].loud_seconds() < 0.7
    assert len(call.sender.started) == 1


async def test_a_stream_opened_and_cleared_in_one_breath_is_never_played(call: Call) -> None:
    await call.start()
    for number in range(1, 21):
        writer = await call.sender.open()
        await asyncio.gather(writer.write(tone(2.0).tobytes()), call.sender.clear())
        await writer.aclose()
        finished = await call.sender.until_finished(number)
        assert finished[-1].interrupted is True
        assert finished[-1].position < 0.5


async def test_data_that_arrives_after_the_clear_is_dropped(call: Call) -> None:
    await call.start()
    writer = await call.sender.open()
    await writer.write(tone(0.4).tobytes())
    await call.sender.until_started(1)
    assert await call.sender.clear() == "ok"
    for _ in range(20):
        await writer.write(tone(0.2).tobytes())
    await writer.aclose()
    await call.sender.say(tone(0.1))
    cut, after = await call.sender.until_finished(2)
    assert cut.interrupted is True
    assert cut.position <= 0.4
    assert after.position == pytest.approx(0.1, abs=0.002)
    await call.viewer.until_silent("avatar")
    assert call.viewer.heard["avatar"].loud_seconds() < 1.0


async def test_after_all_was_pushed_the_rest_is_cut(call: Call) -> None:
    await call.start(lookahead=0.5)
    await call.sender.say(tone(0.45))  # wholly in the native queue when it starts
    await call.sender.until_started(1)
    assert await call.sender.clear() == "ok"
    [report] = await call.sender.until_finished(1)
    if report.interrupted:  # or a busy machine let it play to its end first
        assert report.position < 0.45
    else:
        assert report.position == pytest.approx(0.45, abs=0.002)


async def test_every_queued_segment_is_finished_interrupted_in_order(call: Call) -> None:
    await call.start()
    # Of a low rate: a clear waits behind all that was sent before it.
    await call.sender.say(tone(8.0, rate=8000), rate=8000)
    for _ in range(4):
        await call.sender.say(tone(0.5, rate=8000), rate=8000)
    await call.sender.until_started(1)
    assert await call.sender.clear() == "ok"
    finished = await call.sender.until_finished(5)
    assert all(report.interrupted for report in finished)
    assert [report.position for report in finished[1:]] == [0.0] * 4
    assert len(call.sender.started) == 1


async def test_a_clear_with_nothing_to_clear_reports_nothing(call: Call) -> None:
    renderer = PlainRenderer()
    await call.start(call.worker(renderer=renderer))
    assert await call.sender.clear() == "ok"
    await call.sender.say(tone(0.2))
    [report] = await call.sender.until_finished(1)
    assert report.interrupted is False
    assert await call.sender.clear() == "ok"
    await call.sender.say(tone(0.2))
    assert len(await call.sender.until_finished(2)) == 2
    assert renderer.told["interrupted"] == 0


async def test_speech_after_an_interruption_starts_at_once(call: Call) -> None:
    await call.start()
    for number in range(1, 6):
        await call.sender.say(tone(5.0))
        await call.sender.until_started(number)
        assert await call.sender.clear() == "ok"
    finished = await call.sender.until_finished(5)
    assert all(report.interrupted for report in finished)
    for started, cut in zip(call.sender.started, finished, strict=True):
        assert cut.position <= cut.at - started.at + 0.5
