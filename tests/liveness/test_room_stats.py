"""Asking the native library, which may be late, for the numbers of a room."""

from __future__ import annotations

import asyncio
import time
from typing import Any, cast

import pytest
from livekit import rtc

from avatar_core.liveness import room_stats
from avatar_core.liveness.room_stats import RoomStats


class LateRoom:
    """Answers when it is let, as the native library does where the machine is busy."""

    def __init__(self) -> None:
        self.asked = 0
        self.let = asyncio.Event()

    async def get_rtc_stats(self) -> rtc.RtcStats:
        self.asked += 1
        await self.let.wait()
        return rtc.RtcStats(publisher_stats=[], subscriber_stats=[])


def _stats(room: LateRoom) -> RoomStats:
    return RoomStats(cast(Any, room))


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room_stats, "READ_TIMEOUT", 0.05)


async def test_nothing_else_is_asked_while_an_answer_is_late() -> None:
    room = LateRoom()
    stats = _stats(room)
    for _ in range(3):
        assert await stats.read(audio=None, video=None) is None
    assert room.asked == 1
    room.let.set()
    await asyncio.sleep(0.05)
    counts = await stats.read(audio=None, video=None)
    assert counts is not None and counts.link_packets == 0
    assert room.asked == 2


async def test_an_answer_that_never_comes_is_asked_for_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(room_stats, "NEXT_QUESTION", 0.1)
    room = LateRoom()
    stats = _stats(room)
    assert await stats.read(audio=None, video=None) is None
    await asyncio.sleep(0.1)
    room.let.set()
    assert await stats.read(audio=None, video=None) is not None


async def test_closing_waits_for_the_answer_to_what_was_given_up() -> None:
    room = LateRoom()
    stats = _stats(room)
    assert await stats.read(audio=None, video=None) is None
    closing = asyncio.create_task(stats.aclose())
    await asyncio.sleep(0.1)
    assert not closing.done()
    room.let.set()
    await asyncio.wait_for(closing, 10)
    assert await stats.read(audio=None, video=None) is None
    assert room.asked == 1


async def test_closing_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room_stats, "LAST_ANSWER_TIMEOUT", 0.1)
    stats = _stats(LateRoom())
    assert await stats.read(audio=None, video=None) is None
    begun = time.monotonic()
    await stats.aclose()
    assert time.monotonic() - begun < 5
