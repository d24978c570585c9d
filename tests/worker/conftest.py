from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from livekit import api

from avatar_core.livekit_server import LiveKitServer
from avatar_core.testing.viewer import RecordingViewer
from avatar_core.worker import AvatarWorker, WorkerOptions
from tests.worker.plain_renderer import PlainRenderer
from tests.worker.speech_sender import SpeechSender


@dataclass
class Call:
    """A room of this test's own: the agent's side by hand, a viewer, and the workers started."""

    server: LiveKitServer
    room_name: str = field(default_factory=lambda: f"room-{uuid.uuid4().hex[:10]}")
    sender: SpeechSender = field(default_factory=SpeechSender)
    viewer: RecordingViewer = field(default_factory=RecordingViewer)
    workers: list[AvatarWorker] = field(default_factory=list)
    guests: list[SpeechSender] = field(default_factory=list)

    def token(self, identity: str) -> str:
        grants = api.VideoGrants(room_join=True, room=self.room_name)
        return self._mint(identity, grants)

    def worker_token(self, identity: str = "avatar") -> str:
        """The least a worker needs: it may not subscribe, nor publish anything else."""
        grants = api.VideoGrants(
            room_join=True,
            room=self.room_name,
            can_publish=True,
            can_publish_sources=["camera", "microphone"],
            can_publish_data=True,
            can_subscribe=False,
        )
        return self._mint(identity, grants)

    def worker(self, *, renderer: PlainRenderer | None = None, **options: Any) -> AvatarWorker:
        agent_identity = options.pop("agent_identity", "agent")
        worker = AvatarWorker(
            renderer=renderer or PlainRenderer(),
            agent_identity=agent_identity,
            options=WorkerOptions(**options),
        )
        self.workers.append(worker)
        return worker

    async def heard_to_the_end(self, seconds: float, *, since: float = 0.0) -> None:
        """Wait until the viewer has heard about so much, and then silence.

        A busy machine loses some of it on the way, and its jitter buffer stretches the rest.
        """
        await self.viewer.until_heard("avatar", seconds=0.7 * seconds, since=since)
        await self.viewer.until_silent("avatar")

    async def start(self, worker: AvatarWorker | None = None, **options: Any) -> AvatarWorker:
        """Start a worker and wait until the viewer receives its sound."""
        worker = worker or self.worker(**options)
        await worker.start(self.server.url, self.worker_token())
        await self.viewer.until(lambda: bool(self.viewer.heard["avatar"].times))
        return worker

    async def join(self, identity: str, *, listen: bool = True) -> SpeechSender:
        """Let someone else send; leaves with the call."""
        guest = SpeechSender()
        self.guests.append(guest)
        await guest.join(url=self.server.url, token=self.token(identity), listen=listen)
        return guest

    async def server_api(self, method: str, request: Any) -> Any:
        async with self.server.api() as server:
            return await getattr(server.room, method)(request)

    def _mint(self, identity: str, grants: api.VideoGrants) -> str:
        token = api.AccessToken(self.server.api_key, self.server.api_secret)
        return token.with_identity(identity).with_grants(grants).to_jwt()


@pytest.fixture
async def empty_call(livekit_server: LiveKitServer) -> AsyncIterator[Call]:
    """A room with nobody in it."""
    opened = Call(livekit_server)
    try:
        yield opened
    finally:
        for worker in opened.workers:
            await worker.aclose()
        await opened.viewer.aclose()
        for sender in (opened.sender, *opened.guests):
            await sender.room.disconnect()


@pytest.fixture
async def call(empty_call: Call) -> Call:
    """A room with agent and viewer."""
    server = empty_call.server
    await empty_call.sender.join(url=server.url, token=empty_call.token("agent"))
    await empty_call.viewer.connect(url=server.url, token=empty_call.token("viewer"))
    return empty_call
