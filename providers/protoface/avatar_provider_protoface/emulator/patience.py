"""How the emulator waits: no longer than somebody waits for what comes then."""

from __future__ import annotations

import asyncio

from aiohttp import web

_LOOK_SECONDS = 0.05


async def wait_unless(given_up: asyncio.Event, seconds: float) -> bool:
    """Wait so many seconds.

    Args:
        given_up: Ends the wait.
        seconds: Of the machine's time.

    Returns:
        Whether the time is over, and the wait was not given up.
    """
    try:
        await asyncio.wait_for(given_up.wait(), seconds)
    except asyncio.TimeoutError:
        return True
    return False


async def keep_waiting(request: web.Request, seconds: float, *, closing: asyncio.Event) -> bool:
    """Let a caller wait so many seconds, as long as it does.

    Args:
        request: The call.
        seconds: Of the machine's time.
        closing: Set when the server stops.

    Returns:
        Whether the time is over, and the caller is still there.
    """
    loop = asyncio.get_running_loop()
    due = loop.time() + seconds
    # Looked at now and then: aiohttp tells a handler that its caller has gone in one way only, by
    # cancelling it, and that would cut off what is being carried out as well.
    while not has_gone(request):
        left = due - loop.time()
        if left <= 0:
            return True
        if not await wait_unless(closing, min(left, _LOOK_SECONDS)):
            return False
    return False


def has_gone(request: web.Request) -> bool:
    """Whether nobody waits for the answer any more."""
    transport = request.transport
    return transport is None or transport.is_closing()
