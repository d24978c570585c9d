from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from avatar_core.livekit_server import LiveKitServer
from avatar_core.testing.call_stage import CallStage, open_call_stage


@pytest.fixture
async def stage(livekit_server: LiveKitServer) -> AsyncIterator[CallStage]:
    """A room of this test's own: agent and viewer in it, the AgentSession not started."""
    async with open_call_stage(livekit_server) as opened:
        yield opened
