"""The mock's worker in a process of its own: the same call, and it goes when its agent goes."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from avatar_core.testing.call_footprint import until_listened_to
from avatar_core.testing.call_stage import CallStage, tone
from tests.calls.avatar_in_call import avatar_in
from tests.calls.mock_processes import worker_processes
from tests.session.scripted_provider import eventually

MOCK = "mock-avatar-agent"

AGENT = """
import asyncio, sys
from livekit import rtc
from livekit.agents import AgentSession
from avatar_core import AvatarSession

async def main():
    room = rtc.Room()
    await room.connect(sys.argv[1], sys.stdin.readline().strip())
    session = AgentSession(vad=None)
    avatar = AvatarSession("mock", worker="process", size=64, fps=5)
    await avatar.start(session, room)
    await avatar.wait_for_join(timeout=60)
    sys.stdout.write("joined\\n")
    sys.stdout.flush()
    await asyncio.Event().wait()

asyncio.run(main())
"""


@asynccontextmanager
async def agent_process(stage: CallStage) -> AsyncIterator[subprocess.Popen[str]]:
    """Run an agent whose mock avatar is in a process of its own; the agent is killed at the end."""
    agent = subprocess.Popen(  # noqa: ASYNC220 - it returns at once; reading is in a thread
        [sys.executable, "-c", AGENT, stage.server.url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
        env={
            **os.environ,
            "LIVEKIT_URL": stage.server.url,
            "LIVEKIT_API_KEY": stage.server.api_key,
            "LIVEKIT_API_SECRET": stage.server.api_secret,
        },
        text=True,
    )
    assert agent.stdin is not None and agent.stdout is not None
    with agent:
        try:
            agent.stdin.write(stage.token("doomed", kind="agent") + "\n")
            agent.stdin.flush()
            assert await asyncio.to_thread(agent.stdout.readline) == "joined\n"
            yield agent
        finally:
            agent.kill()


def is_stopped(process: psutil.Process) -> bool:
    return bool(process.status() == psutil.STATUS_STOPPED)


async def test_in_a_process_of_its_own_it_is_the_same_call(stage: CallStage) -> None:
    async with avatar_in(stage, worker="process") as avatar:
        (process,) = worker_processes()
        shown = " ".join(process.cmdline()) + " ".join(
            f"{name}={value}" for name, value in process.environ().items()
        )
        assert stage.server.api_secret not in shown
        assert not re.search(r"eyJ[\w-]+\.eyJ[\w-]+\.", shown), "there is a token in it"
        await until_listened_to(stage, MOCK)
        speech = stage.agent_session.say("hello", audio=tone(seconds=1.0))
        await asyncio.wait_for(speech.wait_for_playout(), 30)
        await stage.viewer.until_heard(MOCK, seconds=0.8)
        await stage.viewer.until_seen(MOCK, pictures=5)
        assert avatar.state == "live"
    assert worker_processes() == []
    assert MOCK not in await stage.identities()


async def test_frozen_it_is_gone_when_the_avatar_is_closed(stage: CallStage) -> None:
    async with avatar_in(stage, worker="process", freeze_after=0.0, wait=False):
        (process,) = worker_processes()
        await eventually(lambda: is_stopped(process))
    assert worker_processes() == []


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("worker", ["running", "frozen"])
async def test_when_the_agents_process_is_killed_its_worker_goes_too(
    stage: CallStage, sent: signal.Signals, worker: str
) -> None:
    async with agent_process(stage) as agent:
        (process,) = worker_processes()
        if worker == "frozen":
            process.suspend()  # as freeze_after does it
            await eventually(lambda: is_stopped(process))
        assert MOCK in await stage.identities()
        agent.send_signal(sent)
        killed = time.monotonic()
        await asyncio.to_thread(agent.wait)
        await eventually(lambda: not process.is_running())
        while MOCK in await stage.identities():  # noqa: ASYNC110 - nobody announces it
            await asyncio.sleep(0.05)
    # The server lists a participant whose process is gone without a word for 20 s.
    assert time.monotonic() - killed < 10, "it did not leave the room"
