"""A real room, an agent, a viewer and an emulated Protoface whose avatars join it."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from livekit.agents import utils

from avatar_core import AvatarSession
from avatar_core.livekit_server import LiveKitServer
from avatar_core.testing.call_stage import CallStage, open_call_stage
from avatar_core.testing.microphone import microphone_of
from avatar_provider_protoface.emulator.emulator import ProtofaceEmulator, open_emulator
from avatar_provider_protoface.emulator.records import SessionRecord
from avatar_provider_protoface.emulator.settings import EmulatorSettings


@dataclass(kw_only=True)
class ProtofaceStage:
    """What a test of a call needs.

    Args:
        call: Room, agent and viewer.
        emulator: Protoface.
        identity: Of the avatar; one of its own for every test, because LiveKit's sender and
            receiver keep tables by identity for the whole process.
        finished: Playback reports at the top of the agent's audio, in order.
    """

    call: CallStage
    emulator: ProtofaceEmulator
    identity: str = field(default_factory=lambda: f"face-{uuid.uuid4().hex[:8]}")
    finished: list[Any] = field(default_factory=list)

    @property
    def session(self) -> SessionRecord:
        """The one session there is."""
        (session,) = self.emulator.sessions
        return session

    def avatar(self, **options: Any) -> AvatarSession:
        """Make a session at the emulator; not started."""
        given = {
            "api_url": self.emulator.url,
            "api_key": self.emulator.api_key,
            "avatar_participant_identity": self.identity,
            **options,
        }
        return AvatarSession("protoface", **given)

    async def start(self, avatar: AvatarSession) -> None:
        """Start a session in this call."""
        await avatar.start(self.call.agent_session, self.call.room, **self.call.credentials)

    def watch_playback(self) -> None:
        """Keep the reports from now on."""
        output = self.call.agent_session.output.audio
        assert output is not None
        output.on("playback_finished", self.finished.append)

    def published(self) -> dict[str, int]:
        """Names of the avatar's tracks with their sources, as the viewer sees them."""
        participant = self.call.viewer.room.remote_participants[self.identity]
        return {each.name: each.source for each in participant.track_publications.values()}

    async def until_over(self) -> None:
        """Wait until the session is over."""
        await self.call.viewer.until(lambda: self.session.over)

    async def until_all_over(self) -> None:
        """Wait until every session is over."""
        await eventually(lambda: all(each.over for each in self.emulator.sessions))

    async def until_gone(self) -> None:
        """Wait until the avatar has left the room."""
        room = self.call.viewer.room
        await self.call.viewer.until(lambda: self.identity not in room.remote_participants)


async def eventually(condition: Callable[[], bool], *, timeout: float = 15.0) -> None:
    """Wait for something that nobody announces.

    Args:
        condition: What.
        timeout: Seconds; generous, for the machine may be busy.

    Raises:
        AssertionError: It did not come true.
    """
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "it did not come true"
        await asyncio.sleep(0.005)


def own_tasks() -> list[str]:
    """Name avatar-core's tasks on the running loop."""
    names = (task.get_name() for task in asyncio.all_tasks() if not task.done())
    return sorted(name for name in names if name.startswith("avatar-"))


@asynccontextmanager
async def protoface_stage(server: LiveKitServer, **settings: Any) -> AsyncIterator[ProtofaceStage]:
    """Open all of it; what is about sound does not pay for pictures."""
    chosen: dict[str, Any] = {
        "starts_per_minute": None, "claim_seconds": 0.0, "size": 64, "fps": 10.0,
    }  # fmt: skip
    utils.http_context._new_session_ctx()  # as a job has it; LiveKit's own plugin needs one
    try:
        async with (
            open_emulator(EmulatorSettings(**{**chosen, **settings})) as emulator,
            open_call_stage(server) as call,
            microphone_of(call.viewer),
        ):
            yield ProtofaceStage(call=call, emulator=emulator)
    finally:
        await utils.http_context._close_http_ctx()
