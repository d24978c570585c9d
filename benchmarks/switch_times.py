"""What a listener misses when another avatar takes over in the middle of a sentence."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from avatar_core import AvatarSession
from avatar_core.livekit_server import LiveKitServer
from avatar_core.testing.call_stage import open_call_stage
from avatar_core.testing.speech_sound import read_sweep, sweep

FORMER, LATTER = "mock-avatar-agent", "mock-avatar-agent-2"
CALLS = 12
SENTENCE = 8.0
AFTER = 1.0
"""Seconds of the sentence that are heard before the switch is asked for, for a start."""


@dataclass(frozen=True, kw_only=True)
class TakenOver:
    """What one listener noticed of one switch, in seconds.

    Args:
        silence: Between the one avatar's last sound and the other's first.
        together: In which both were heard.
        lost: The longest stretch of the sentence that was not heard.
        repeated: What was heard twice.
    """

    silence: float
    together: float
    lost: float
    repeated: float


async def take_over(server: LiveKitServer, *, after: float) -> TakenOver:
    """Switch from one mock to another in mid-sentence, and listen.

    Args:
        server: LiveKit's.
        after: Seconds of the sentence heard before.
    """
    async with open_call_stage(server) as stage:
        await stage.start_agent()
        async with AvatarSession("mock") as avatar:
            await avatar.start(stage.agent_session, stage.room, **stage.credentials)
            await avatar.wait_for_join()
            heard = stage.viewer.heard
            await stage.viewer.until(lambda: bool(heard[FORMER].times))
            said = stage.agent_session.say("measured", audio=sweep(seconds=SENTENCE))
            await stage.viewer.until_heard(FORMER, seconds=after)
            await avatar.switch("mock")
            await asyncio.wait_for(said.wait_for_playout(), 60)
            await stage.viewer.until_silent(LATTER)
            both = read_sweep(heard[FORMER].samples, heard[LATTER].samples)
            between = heard[LATTER].loud_times()[0] - heard[FORMER].loud_times()[-1]
            return TakenOver(
                silence=max(0.0, between),
                together=max(0.0, -between),
                lost=both.missing,
                repeated=both.repeated,
            )


async def switches(server: LiveKitServer, *, calls: int = CALLS) -> list[TakenOver]:
    """Measure several switches, each at another moment of the speech."""
    return [await take_over(server, after=AFTER + 0.13 * number) for number in range(calls)]
