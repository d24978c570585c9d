from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser

from avatar_core.livekit_server import LiveKitServer
from avatar_core.testing.call_stage import CallStage, open_call_stage
from tests.browser.chromium import open_chromium
from tests.browser.front_end import FrontEnd, open_front_end


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """A browser of this test's own: half a second, and nothing of it is left for the next."""
    async with open_chromium() as opened:
        yield opened


@pytest.fixture
async def stage(livekit_server: LiveKitServer) -> AsyncIterator[CallStage]:
    """A room of this test's own, the AgentSession not started."""
    async with open_call_stage(livekit_server) as opened:
        yield opened


@pytest.fixture
async def front_end(browser: Browser, stage: CallStage) -> AsyncIterator[FrontEnd]:
    """A front end that has joined the stage's room."""
    async with open_front_end(browser, stage) as opened:
        yield opened
