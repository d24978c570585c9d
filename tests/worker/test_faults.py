"""Faults a worker can be told to have, as the agent and a viewer see them."""

from __future__ import annotations

import asyncio

import pytest
from livekit import rtc

from avatar_core.worker import CloseReason, WorkerFaults
from tests.worker.conftest import Call
from tests.worker.speech_sender import tone


async def test_without_video_it_is_only_heard(call: Call) -> None:
    await call.start(faults=WorkerFaults(publish_video=False))
    publications = call.viewer.room.remote_participants["avatar"].track_publications.values()
    assert [p.kind for p in publications] == [rtc.TrackKind.KIND_AUDIO]
    await call.sender.say(tone(0.2))
    assert len(await call.sender.until_finished(1)) == 1


async def test_frozen_it_is_heard_and_reports_but_no_picture_comes(call: Call) -> None:
    worker = await call.start()
    await call.viewer.until_seen("avatar", pictures=5)
    worker.freeze()
    await call.sender.say(tone(0.5))
    await call.sender.until_finished(1)
    pictures = len(call.viewer.seen["avatar"].times)
    await call.sender.say(tone(1.0))
    await call.sender.until_finished(2)
    assert len(call.viewer.seen["avatar"].times) == pictures


async def test_deaf_it_answers_and_draws_but_plays_and_reports_nothing(call: Call) -> None:
    worker = await call.start()
    await call.sender.say(tone(10))
    await call.viewer.until_heard("avatar", seconds=0.2)
    worker.go_deaf()
    await call.viewer.until_silent("avatar")
    loud = call.viewer.heard["avatar"].loud_seconds()
    pictures = len(call.viewer.seen["avatar"].times)
    await call.sender.say(tone(0.5))
    assert await call.sender.clear() == "ok"
    await call.viewer.until_seen("avatar", pictures=pictures + 30)
    assert call.viewer.heard["avatar"].loud_seconds() == loud
    assert call.sender.finished == []


async def test_dropped_reports_never_come(call: Call) -> None:
    await call.start(faults=WorkerFaults(drop_reports=True))
    await call.sender.say(tone(0.3))
    await call.viewer.until_heard("avatar", seconds=0.2)
    await call.viewer.until_silent("avatar")
    assert call.sender.reports == []


async def test_a_worker_that_knows_only_the_end_reports_only_that(call: Call) -> None:
    await call.start(faults=WorkerFaults(drop_starts=True))
    await call.sender.say(tone(0.2))
    await call.sender.until_finished(1)
    assert [report.method for report in call.sender.reports] == ["lk.playback_finished"]


async def test_delayed_reports_come_late_and_in_order(call: Call) -> None:
    await call.start(faults=WorkerFaults(report_delay=1.0))
    began = asyncio.get_running_loop().time()
    await call.sender.say(tone(0.2))
    await call.sender.say(tone(0.2))
    finished = await call.sender.until_finished(2)
    assert finished[0].at - began >= 1.2
    assert finished[1].at - began < 2.4  # each is late by the delay, not by the sum of them
    methods = [report.method for report in call.sender.reports]
    assert methods == ["lk.playback_started", "lk.playback_finished"] * 2


async def test_a_crash_drops_out_of_the_room_without_a_report(call: Call) -> None:
    worker = await call.start()
    await call.sender.say(tone(10))
    await call.viewer.until_heard("avatar", seconds=0.2)
    await worker.crash()
    assert await worker.wait_closed() is CloseReason.CRASHED
    await call.viewer.until(lambda: "avatar" not in call.viewer.room.remote_participants)
    assert call.sender.finished == []


def test_a_negative_delay_is_refused() -> None:
    with pytest.raises(ValueError, match="report_delay"):
        WorkerFaults(report_delay=-1)
