"""An agent process that is gone before it could end its session: what it said helps."""

from __future__ import annotations

import asyncio
import os
import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from avatar_core.livekit_server import LiveKitServer
from avatar_core.testing.call_stage import room_token
from avatar_provider_protoface.emulator.emulator import ProtofaceEmulator, open_emulator
from avatar_provider_protoface.emulator.faults import Fault
from avatar_provider_protoface.emulator.settings import EmulatorSettings

AGENT = "agent-to-be-killed"

PROCESS = """
import asyncio, logging, sys
from livekit import rtc
from livekit.agents import AgentSession
from avatar_core import AvatarPolicy, AvatarSession

url, token = sys.argv[1:]
logging.basicConfig(format="%(message)s", level=logging.ERROR)


async def main():
    room = rtc.Room()
    await room.connect(url, token)
    avatar = AvatarSession("protoface", policy=AvatarPolicy(end_timeout=0.3))
    agent = AgentSession(vad=None, turn_handling={"turn_detection": None})
    await avatar.start(agent, room)
    await avatar.aclose()
    await asyncio.sleep(600)


asyncio.run(main())
"""


@asynccontextmanager
async def agent_process(
    server: LiveKitServer, emulator: ProtofaceEmulator, *, room: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run an agent with an avatar in a process of its own, until it is killed."""
    token = room_token(server, AGENT, room, kind="agent")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROCESS, server.url, token,
        stderr=asyncio.subprocess.PIPE, env=environment(server, emulator),
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


def environment(server: LiveKitServer, emulator: ProtofaceEmulator) -> dict[str, str]:
    return {
        **os.environ,
        **emulator.environment,
        "LIVEKIT_URL": server.url,
        "LIVEKIT_API_KEY": server.api_key,
        "LIVEKIT_API_SECRET": server.api_secret,
    }


async def avatar_command(
    server: LiveKitServer, emulator: ProtofaceEmulator, *words: str
) -> tuple[int | None, str]:
    """Run ``avatar`` and return its exit code and all it printed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "from avatar_core.cli.app import main; main()", *words,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT, env=environment(server, emulator),
    )  # fmt: skip
    printed, _ = await process.communicate()
    return process.returncode, printed.decode()


@asynccontextmanager
async def emulating() -> AsyncIterator[ProtofaceEmulator]:
    settings = EmulatorSettings(
        worker="none", starts_per_minute=None, claim_seconds=0.0, drain_seconds=0.0
    )
    async with open_emulator(settings) as emulator:
        yield emulator


async def test_the_command_in_the_log_ends_what_a_process_could_not(
    livekit_server: LiveKitServer,
) -> None:
    room = f"room-{uuid.uuid4().hex[:10]}"
    async with emulating() as emulator:
        emulator.faults.add(Fault(on="end", status=500, times=1000))
        async with agent_process(livekit_server, emulator, room=room) as process:
            assert process.stderr is not None
            line = ""
            while "not ended yet" not in line:
                line = (await asyncio.wait_for(process.stderr.readline(), 60)).decode()
                assert line, "it ended without a word"
            process.kill()
            await process.wait()
        emulator.faults.clear()
        (session,) = emulator.unended
        command = line[line.index("avatar sessions") :].split()
        assert command[2:4] == ["end", session.id]
        code, printed = await avatar_command(livekit_server, emulator, *command[1:])
        assert (code, printed) == (0, f"ended {session.id}\n")
        assert session.over
