"""The front sink changes from one end to another."""

from __future__ import annotations

import asyncio
import time

import pytest

from avatar_core.audio.front_sink import FrontSink
from tests.audio.hand_output import HandOutput, speech, turns


async def test_another_end_takes_over_at_the_boundary_and_not_before() -> None:
    front, first, second = FrontSink(), HandOutput(), HandOutput()
    changes: list[int] = []
    front.use(first.end())
    await front.capture_frame(speech(seconds=0.3))
    front.flush()
    await first.until("flush")
    await front.capture_frame(speech(seconds=0.2))
    front.flush()
    changing = asyncio.create_task(
        front.use_at_boundary(second.end(), changed=lambda: changes.append(1))
    )
    await turns()
    assert not changing.done()
    assert "capture" not in second.calls
    first.finish(position=0.3)
    await asyncio.wait_for(changing, 1)
    await second.until("flush")
    assert changes == [1]
    assert first.seconds == pytest.approx(0.3)
    assert second.seconds == pytest.approx(0.2)
    await front.aclose()


async def test_a_change_at_the_boundary_that_is_cancelled_changes_nothing() -> None:
    front, first, second = FrontSink(), HandOutput(), HandOutput()
    changes: list[int] = []
    front.use(first.end())
    for _ in range(2):
        await front.capture_frame(speech(seconds=0.3))
        front.flush()
    await first.until("flush")
    changing = asyncio.create_task(
        front.use_at_boundary(second.end(), changed=lambda: changes.append(1))
    )
    await turns()
    changing.cancel()
    await asyncio.wait([changing])
    first.finish(position=0.3)
    await first.until("flush", count=2)
    assert first.seconds == pytest.approx(0.6)
    assert second.calls == []
    assert changes == []
    await front.aclose()


async def test_without_a_segment_under_way_the_other_end_is_used_at_once() -> None:
    front, first, second = FrontSink(), HandOutput(), HandOutput()
    changes: list[int] = []
    front.use(first.end())
    await asyncio.wait_for(
        front.use_at_boundary(second.end(), changed=lambda: changes.append(1)), 1
    )
    await front.capture_frame(speech(seconds=0.3))
    await second.until("capture")
    assert changes == [1]
    await front.aclose()


async def test_the_rest_of_a_sentence_is_said_from_where_an_abandoned_end_fell_silent() -> None:
    front, dead, voice = FrontSink(), HandOutput(), HandOutput()
    gone = dead.end()
    front.use(gone)
    await front.capture_frame(speech(seconds=4.0))
    front.flush()
    await dead.until("flush")
    dead.start(ago=2.0)
    front.abandon(gone, silent_since=time.time() - 0.5)
    front.use(voice.end())
    await voice.until("flush")
    assert voice.seconds == pytest.approx(2.5, abs=0.1)
    assert "clear" not in dead.calls
    await front.aclose()
