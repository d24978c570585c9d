from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from avatar_core.livekit_server import LiveKitServer
from avatar_core.testing.call_stage import CallStage, open_call_stage
from avatar_core.testing.microphone import microphone_of


@pytest.fixture
async def stage(livekit_server: LiveKitServer) -> AsyncIterator[CallStage]:
    """A room of this test's own: agent and viewer in it, the AgentSession not started."""
    async with open_call_stage(livekit_server) as opened, microphone_of(opened.viewer):
        yield opened


@pytest.fixture
def job_settings(livekit_server: LiveKitServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an application's environment says in a job."""
    monkeypatch.setenv("LIVEKIT_URL", livekit_server.url)
    monkeypatch.setenv("LIVEKIT_API_KEY", livekit_server.api_key)
    monkeypatch.setenv("LIVEKIT_API_SECRET", livekit_server.api_secret)
