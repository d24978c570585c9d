"""When an avatar that was told to be silent counts as silent without saying so."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

import pytest

from avatar_core.audio.hush import HUSH, Hush


@dataclass
class Reception:
    """What an agent receives, as a test wants it."""

    held_up: float = 0.0
    heard_until: float | None = None
    listening_since: float | None = None
    looked_closely: int = 0

    def look_closely(self) -> None:
        self.looked_closely += 1


class Hushed:
    """A cleared segment, and since when it is taken to be silent."""

    def __init__(self, reception: Reception, *, started_at: float | None) -> None:
        self.since: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self.hush = Hush(reception=reception, on_hush=self.since.set_result)
        self.cleared_at = time.time()
        self.hush.listen(started_at=started_at)


async def test_what_was_heard_before_is_over_when_the_sound_was() -> None:
    now = time.time()
    reception = Reception(heard_until=now - 0.1, listening_since=now - 5)
    hushed = Hushed(reception, started_at=now - 2)
    assert await asyncio.wait_for(hushed.since, 10) == pytest.approx(now - 0.1)
    assert time.time() - hushed.cleared_at >= HUSH
    assert reception.looked_closely == 1


async def test_one_that_was_never_heard_is_silent_where_it_would_be_heard() -> None:
    hushed = Hushed(Reception(listening_since=time.time() - 5), started_at=time.time() - 0.1)
    assert await asyncio.wait_for(hushed.since, 10) == pytest.approx(hushed.cleared_at, abs=0.1)


async def test_it_is_listened_for_before_it_counts_as_silent() -> None:
    reception = Reception()
    hushed = Hushed(reception, started_at=time.time() - 1)
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(asyncio.shield(hushed.since), 3 * HUSH)
    reception.listening_since = time.time()
    await asyncio.wait_for(hushed.since, 10)
    assert time.time() - reception.listening_since >= HUSH


async def test_one_that_is_still_heard_is_not_silent() -> None:
    now = time.time()
    reception = Reception(heard_until=now, listening_since=now - 5)
    hushed = Hushed(reception, started_at=now - 2)
    for _ in range(10):
        await asyncio.sleep(0.1)
        reception.heard_until = time.time()
    assert not hushed.since.done()
    await asyncio.wait_for(hushed.since, 10)


async def test_a_report_ends_the_listening() -> None:
    hushed = Hushed(Reception(listening_since=0.0), started_at=None)
    hushed.hush.cancel()
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(asyncio.shield(hushed.since), 2 * HUSH)
