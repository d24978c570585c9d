"""Waiting for an event for a limited time."""

from __future__ import annotations

import asyncio

from avatar_core.timed_wait import event_within


async def test_an_event_that_comes_in_time_is_told_from_one_that_does_not() -> None:
    event = asyncio.Event()
    asyncio.get_running_loop().call_later(0.01, event.set)
    assert await event_within(event, 30)
    event.clear()
    assert not await event_within(event, 0.01)
    assert not await event_within(event, -1)


async def test_a_cancellation_in_the_turn_in_which_the_event_is_set_is_not_lost() -> None:
    for turns in range(6):
        event = asyncio.Event()
        waiting = asyncio.create_task(event_within(event, 30))
        await asyncio.sleep(0.01)
        event.set()
        for _ in range(turns):
            await asyncio.sleep(0)
        cancelled = waiting.cancel()
        await asyncio.wait([waiting])
        assert waiting.cancelled() == cancelled
