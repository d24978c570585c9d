"""The call of ``make chaos`` in which nothing goes wrong, and nothing may come of it."""

from __future__ import annotations

import logging
import time

from avatar_core.livekit_server import LiveKitServer
from tests.calls.healthy_call import LOSS, keeps_its_avatar

MINUTES = 60.0
QUIET_SHARE = 1 / 12
"""Part of that time at its end in which nobody says anything: five minutes of an hour."""


async def healthy_call(minutes: float) -> tuple[bool, str]:
    """Talk so long with packets lost and every core busy; run it in a network of one's own.

    Args:
        minutes: How long.

    Returns:
        Whether the avatar was kept and said every word, and a sentence for the report.
    """
    begun = time.monotonic()
    conditions = f"{LOSS:g} % loss and every core busy"
    try:
        async with await LiveKitServer.start_async() as server:
            quiet = minutes * QUIET_SHARE
            await keeps_its_avatar(server, minutes=minutes - quiet, quiet=quiet)
    except Exception as exc:  # what is left of the run is still to be told
        logging.getLogger("tests.chaos").exception("the healthy call")
        took = (time.monotonic() - begun) / 60
        first = next(iter(str(exc).splitlines()), "")
        return False, (
            f"A healthy call with {conditions} went wrong after {took:.1f} minutes:"
            f" {type(exc).__name__}: {first}"
        )
    return True, (
        f"A healthy call of {minutes:g} minutes with {conditions}, and quiet for"
        f" {minutes * QUIET_SHARE:.1g} minutes of it: no false alarm, every sentence was said whole"
        " by the one avatar it began with."
    )
