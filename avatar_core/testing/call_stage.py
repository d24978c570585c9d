"""A real call to test an avatar in: server, room, agent, viewer."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from livekit import api, rtc
from livekit.agents import Agent, AgentSession

from avatar_core.testing.viewer import RecordingViewer

if TYPE_CHECKING:
    from avatar_core.livekit_server import LiveKitServer


class CallStage:
    """One room with an agent in it and a viewer who records; made by ``open_call_stage``.

    Args:
        server: The LiveKit server.
        room_name: The room.
        room: The agent's connection to it.
        agent_session: A real AgentSession without models: it says what it is given.
        viewer: The third participant.
        agent_identity: The agent's identity.
    """

    def __init__(
        self,
        *,
        server: LiveKitServer,
        room_name: str,
        room: rtc.Room,
        agent_session: AgentSession[Any],
        viewer: RecordingViewer,
        agent_identity: str,
    ) -> None:
        self.server = server
        self.room_name = room_name
        self.room = room
        self.agent_session = agent_session
        self.viewer = viewer
        self.agent_identity = agent_identity

    @property
    def credentials(self) -> dict[str, str]:
        """Keywords for ``AvatarSession.start``."""
        return {
            "livekit_url": self.server.url,
            "livekit_api_key": self.server.api_key,
            "livekit_api_secret": self.server.api_secret,
        }

    def token(self, identity: str, *, kind: Any = "standard") -> str:
        """Mint a token with every right in this room."""
        return room_token(self.server, identity, self.room_name, kind=kind)

    async def start_agent(self, **options: Any) -> None:
        """Start the AgentSession in the room; keywords go to ``AgentSession.start``."""
        await self.agent_session.start(Agent(instructions=""), room=self.room, **options)

    async def identities(self) -> list[str]:
        """Ask the server who is in the room."""
        async with self.server.api() as server:
            answer = await server.room.list_participants(
                api.ListParticipantsRequest(room=self.room_name)
            )
        return sorted(participant.identity for participant in answer.participants)


def room_token(server: LiveKitServer, identity: str, room: str, *, kind: Any = "standard") -> str:
    """Mint a token for a participant of a test.

    Args:
        server: The server that is to accept it.
        identity: Who joins.
        room: Where.
        kind: LiveKit's participant kind.
    """
    return (
        api.AccessToken(server.api_key, server.api_secret)
        .with_identity(identity)
        .with_kind(kind)
        .with_grants(api.VideoGrants(room_join=True, room=room, can_update_own_metadata=True))
        .to_jwt()
    )


@asynccontextmanager
async def open_call_stage(
    server: LiveKitServer,
    *,
    agent_identity: str = "agent",
    viewer: RecordingViewer | None = None,
    **session_options: Any,
) -> AsyncIterator[CallStage]:
    """Open a room of its own with a connected agent and viewer; closes everything afterwards.

    The AgentSession is not started: that is part of what is tested.

    Args:
        server: A running LiveKit server.
        agent_identity: The agent's identity.
        viewer: The viewer to use; a plain one if not given.
        session_options: For ``AgentSession``; without any it has no models, and nothing warms up.
    """
    room_name = f"room-{uuid.uuid4().hex[:10]}"
    room = rtc.Room()
    watching = viewer or RecordingViewer()
    options: dict[str, Any] = {"vad": None, "turn_handling": {"turn_detection": None}}
    options.update(session_options)
    session: AgentSession[Any] = AgentSession(**options)
    stage = CallStage(
        server=server,
        room_name=room_name,
        room=room,
        agent_session=session,
        viewer=watching,
        agent_identity=agent_identity,
    )
    try:
        await room.connect(server.url, stage.token(agent_identity, kind="agent"))
        await watching.connect(url=server.url, token=stage.token("viewer"))
        yield stage
    finally:
        await session.aclose()
        await watching.aclose()
        await room.disconnect()


async def tone(
    *,
    seconds: float,
    hz: float = 330.0,
    sample_rate: int = 24000,
    channels: int = 1,
    frame_seconds: float = 0.1,
    level: int = 8000,
) -> AsyncIterator[rtc.AudioFrame]:
    """Yield a sine tone as fast as it is taken, as a fast TTS does.

    Args:
        seconds: Length.
        hz: Frequency; it tells one segment from another.
        sample_rate: Hz.
        channels: The tone is the same in all of them.
        frame_seconds: Length of one frame.
        level: Peak, int16.
    """
    total = round(seconds * sample_rate)
    step = max(1, round(frame_seconds * sample_rate))
    for begin in range(0, total, step):
        index = np.arange(begin, min(begin + step, total))
        wave = (np.sin(2 * np.pi * hz * index / sample_rate) * level).astype(np.int16)
        data = np.repeat(wave, channels)
        yield rtc.AudioFrame(data.tobytes(), sample_rate, channels, len(index))
