"""An agent in a process of its own, which can be killed; run as a script too."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from avatar_core.livekit_server import LiveKitServer
from avatar_provider_protoface.emulator.emulator import ProtofaceEmulator

if TYPE_CHECKING:  # run as a script it is in no package
    from .child_commands import ChildCommand

_LIVE = "live"


class AgentProcess:
    """An agent that starts an avatar as soon as it is in its room.

    Args:
        command: What runs.
        server: Where its room is.
        room: Its room.
        identity: Its identity.
    """

    def __init__(
        self, command: ChildCommand, server: LiveKitServer, room: str, identity: str
    ) -> None:
        self._command = command
        self._server = server
        self.room = room
        self.identity = identity

    async def until_live(self) -> None:
        """Wait until its avatar is in the call."""
        await self._command.line(_LIVE)

    async def die(self) -> None:
        """Kill it; nobody has noticed yet."""
        await self._command.kill()

    async def kill(self) -> None:
        """Kill it, and wait until the LiveKit server has noticed."""
        await self.die()
        await self._until_without(self.identity)

    async def until_empty(self) -> None:
        """Wait until its avatar has left the room too."""
        await self._until_without(*await self.members())

    async def _until_without(self, *identities: str) -> None:
        while True:  # nobody outside the room is told who leaves it
            if (await self.members()).isdisjoint(identities):
                return
            await asyncio.sleep(0.2)

    async def members(self) -> set[str]:
        """Ask the server who is in its room."""
        from livekit import api

        async with self._server.api() as client:
            answer = await client.room.list_participants(
                api.ListParticipantsRequest(room=self.room)
            )
        return {participant.identity for participant in answer.participants}


@asynccontextmanager
async def agent_process(
    server: LiveKitServer, emulator: ProtofaceEmulator, *, room: str
) -> AsyncIterator[AgentProcess]:
    """Run an agent; whatever becomes of it, it is gone afterwards.

    Args:
        server: Where it joins a room.
        emulator: Where its avatar comes from.
        room: Which room.
    """
    from .child_commands import python_command

    identity = f"agent-of-{room}"
    async with python_command(
        __file__, room, identity, variables=variables(server, emulator)
    ) as command:
        yield AgentProcess(command, server, room, identity)


def variables(server: LiveKitServer, emulator: ProtofaceEmulator) -> dict[str, str]:
    """Return the environment of an agent, and of who looks after it."""
    return {
        "LIVEKIT_URL": server.url,
        "LIVEKIT_API_KEY": server.api_key,
        "LIVEKIT_API_SECRET": server.api_secret,
        "AVATAR_PROVIDER": "protoface",
        **emulator.environment,
    }


async def _be_an_agent(room_name: str, identity: str) -> None:
    from livekit import api, rtc
    from livekit.agents import AgentSession

    from avatar_core import AvatarSession

    token = (
        api.AccessToken()
        .with_identity(identity)
        .with_kind("agent")
        .with_grants(api.VideoGrants(room_join=True, room=room_name, can_update_own_metadata=True))
    )
    room = rtc.Room()
    await room.connect(os.environ["LIVEKIT_URL"], token.to_jwt())
    session: AgentSession[None] = AgentSession(vad=None, turn_handling={"turn_detection": None})
    avatar = AvatarSession(avatar_participant_identity=f"face-of-{room_name}")
    await avatar.start(session, room)
    await avatar.wait_for_join()
    sys.stdout.write(f"{_LIVE}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_be_an_agent(*sys.argv[1:]))
