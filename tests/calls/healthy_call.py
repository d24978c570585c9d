"""A call in which nothing is wrong but the network and the machine."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from avatar_core.livekit_server import LiveKitServer
from avatar_core.testing.speech_sound import assert_whole
from tests.calls.agent_in_own_process import MOCK, agent_call

LOSS = 2.0
SENTENCE = 9.0
PAUSE = 3.0

# They take what is left over: other tests beside this one are to go on.
_BUSY = "import os\nos.nice(19)\nwhile True: pass"


async def keeps_its_avatar(server: LiveKitServer, *, minutes: float, quiet: float) -> None:
    """Talk so long with every core busy and packets lost: one avatar says every word.

    Args:
        server: In a network of its own.
        minutes: How long.
        quiet: Minutes after these in which nobody says anything; one sentence follows.
    """

    async def says_a_sentence() -> None:
        call.forget_sound()
        said = call.say(SENTENCE)
        await said.finished()
        assert call.states == ["starting", "joining", "live"], call.reasons
        # What is lost on the way to the listener itself is patched up there, with what it heard
        # before.
        assert_whole(said.heard(avatar), seconds=SENTENCE, missing=0.5, repeated=2.0)

    async with agent_call(server) as call:
        avatar = await call.start(MOCK)
        call.network.lose(LOSS, server.ports.media)
        async with every_core_busy():
            ends_at = time.monotonic() + 60 * minutes
            while time.monotonic() < ends_at:
                await says_a_sentence()
                await asyncio.sleep(PAUSE)
            await asyncio.sleep(60 * quiet)
            await says_a_sentence()
        assert len(call.agent.workers()) == 1


@asynccontextmanager
async def every_core_busy() -> AsyncIterator[None]:
    """Let as many processes as there are cores do nothing but compute."""
    burners = [
        await asyncio.create_subprocess_exec(sys.executable, "-S", "-c", _BUSY)
        for _ in range(os.cpu_count() or 2)
    ]
    try:
        yield
    finally:
        for burner in burners:
            burner.kill()
            await burner.wait()
