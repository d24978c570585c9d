"""What a listener misses when an avatar is lost in the middle of a sentence."""

from __future__ import annotations

import asyncio
import signal
from dataclasses import dataclass
from typing import Any

import psutil

from avatar_core import AvatarPolicy, AvatarSession
from avatar_core.livekit_server import LiveKitServer
from avatar_core.testing.call_stage import open_call_stage
from avatar_core.testing.speech_sound import read_sweep, sweep

AVATAR = "mock-avatar-agent"
CALLS = 8
SENTENCE = 10.0
AFTER = 3.0
"""Seconds of the sentence that are heard before the avatar is lost, for a start."""

FAULTS: dict[str, dict[str, Any]] = {
    "killed": {"worker": "process"},
    "stopped": {"worker": "process"},
    "frozen": {"worker": "inline"},
    "deaf": {"worker": "inline"},
    "left": {"worker": "inline"},
}


@dataclass(frozen=True, kw_only=True)
class Missed:
    """What one listener missed of one sentence, in seconds.

    Args:
        silence: Between the avatar's last sound and the voice's first.
        lost: The longest stretch of the sentence that was not heard.
        repeated: What was heard twice.
    """

    silence: float
    lost: float
    repeated: float


async def lose(server: LiveKitServer, fault: str, *, after: float) -> Missed:
    """Lose an avatar in mid-sentence and listen.

    Args:
        server: LiveKit's.
        fault: How it is lost.
        after: Seconds of the sentence heard before.
    """
    options = dict(FAULTS[fault])
    policy = AvatarPolicy(max_recoveries=0)
    async with open_call_stage(server) as stage:
        await stage.start_agent()
        # The avatar joins a moment before the sentence, and the mock's faults count from there.
        timed = {"frozen": "freeze_after", "deaf": "deaf_after", "left": "leave_after"}
        if fault in timed:
            options[timed[fault]] = 1.0 + after
        async with AvatarSession("mock", policy=policy, **options) as avatar:
            await avatar.start(stage.agent_session, stage.room, **stage.credentials)
            await avatar.wait_for_join()
            heard = stage.viewer.heard
            await stage.viewer.until(lambda: bool(heard[AVATAR].times))
            said = stage.agent_session.say("measured", audio=sweep(seconds=SENTENCE))
            if fault in ("killed", "stopped"):
                await stage.viewer.until_heard(AVATAR, seconds=after)
                strike(signal.SIGKILL if fault == "killed" else signal.SIGSTOP)
            await asyncio.wait_for(said.wait_for_playout(), 60)
            await stage.viewer.until_silent("agent")
            both = read_sweep(heard[AVATAR].samples, heard["agent"].samples)
            silence = heard["agent"].loud_times()[0] - heard[AVATAR].loud_times()[-1]
            return Missed(silence=max(0.0, silence), lost=both.missing, repeated=both.repeated)


def strike(sent: signal.Signals) -> None:
    """Send a signal to the avatar's process."""
    for child in psutil.Process().children(recursive=True):
        if any("avatar_provider_mock.worker_process" in part for part in child.cmdline()):
            child.send_signal(sent)


async def losses(server: LiveKitServer, *, calls: int = CALLS) -> dict[str, list[Missed]]:
    """Measure every fault in several calls, each at another moment of the speech."""
    # No comprehension in a comprehension: Python 3.10 cannot await in one.
    found: dict[str, list[Missed]] = {}
    for fault in FAULTS:
        moments = [AFTER + 0.13 * number for number in range(calls)]
        found[fault] = [await lose(server, fault, after=after) for after in moments]
    return found
