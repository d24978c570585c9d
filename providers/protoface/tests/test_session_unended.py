"""An agent process that is gone before it could end its session: what it said helps."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from avatar_core.livekit_server import LiveKitServer
from avatar_core.testing.call_stage import room_token
from avatar_provider_protoface.emulator.emulator import ProtofaceEmulator, open_emulator
from avatar_provider_protoface.emulator.faults import Fault
from avatar_provider_protoface.emulator.settings import EmulatorSettings

from .agent_process import variables
from .child_commands import avatar_says, python_command

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
    token = room_token(livekit_server, AGENT, room, kind="agent")
    async with emulating() as emulator:
        given = variables(livekit_server, emulator)
        emulator.faults.add(Fault(on="end", status=500, times=1000))
        async with python_command(
            "-c", PROCESS, livekit_server.url, token, variables=given
        ) as agent:
            line = await agent.line("not ended yet", of="stderr")
            await agent.kill()
        emulator.faults.clear()
        (session,) = emulator.unended
        command = line[line.index("avatar sessions") :].split()
        assert command[2:4] == ["end", session.id]
        assert await avatar_says(*command[1:], variables=given) == (
            0, f"ended {session.id}\n", "",
        )  # fmt: skip
        assert session.over
