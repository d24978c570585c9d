"""Waiting for an event for a limited time, without losing a cancellation."""

from __future__ import annotations

import asyncio


async def event_within(event: asyncio.Event, seconds: float) -> bool:
    """Wait for an event; returns whether it was set in time.

    ``asyncio.wait_for`` swallows a cancellation that comes in the turn in which the event is set
    (Python 3.11 and before), and whoever cancelled then waits for ever.

    Args:
        event: What is waited for.
        seconds: At most.
    """
    waiter = asyncio.ensure_future(event.wait())
    try:
        done, _ = await asyncio.wait([waiter], timeout=max(0.0, seconds))
        return bool(done)
    finally:
        waiter.cancel()
