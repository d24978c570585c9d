"""A mock's sessions die with their process; its entries in the journal are cleared away."""

from __future__ import annotations

import subprocess
import sys
import time

from avatar_core.cli.app import run
from avatar_core.livekit_server import LiveKitServer
from avatar_core.session.journal_entry import StoredEntry, journal_folder, stored_entries
from avatar_core.testing.call_stage import room_token

AGENT = """
import asyncio, sys
from livekit import rtc
from livekit.agents import AgentSession
from avatar_core import AvatarSession


async def main():
    room = rtc.Room()
    await room.connect(sys.argv[1], sys.argv[2])
    agent = AgentSession(vad=None, turn_handling={"turn_detection": None})
    await AvatarSession("mock?worker=none").start(
        agent, room, livekit_url=sys.argv[1], livekit_api_key="k", livekit_api_secret="s" * 32
    )
    print("live", flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
"""


def left() -> list[StoredEntry]:
    folder = journal_folder()
    assert folder is not None
    return list(stored_entries(folder))


def wait_until_ids_are_written(count: int) -> None:
    # The id follows a moment after the start, from a thread of the agent's.
    deadline = time.monotonic() + 30.0
    while (
        sum(each.entry is not None and each.entry.session_id is not None for each in left()) < count
    ):
        assert time.monotonic() < deadline, left()
        time.sleep(0.02)


def test_what_a_killed_agent_left_is_cleared_away_and_a_living_ones_stays(
    livekit_server: LiveKitServer,
) -> None:
    def agent(name: str) -> subprocess.Popen[bytes]:
        token = room_token(livekit_server, name, f"room-of-{name}", kind="agent")
        return subprocess.Popen(
            [sys.executable, "-c", AGENT, livekit_server.url, token], stdout=subprocess.PIPE
        )

    agents = [agent("killed"), agent("live")]
    try:
        for each in agents:
            assert each.stdout is not None
            assert each.stdout.readline() == b"live\n"
        wait_until_ids_are_written(len(agents))
        agents[0].kill()
        agents[0].wait()
        assert [each.state() for each in left()].count("gone") == 1
        assert run(["sessions", "reap", "--provider", "mock", "--local", "--yes"]) == 0
        (stays,) = left()
        assert stays.entry is not None
        assert (stays.entry.process.pid, stays.state()) == (agents[1].pid, "alive")
    finally:
        for each in agents:
            each.kill()
            each.communicate()
