from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator

import aiohttp
import pytest

from avatar_core import AvatarSession
from avatar_core.contract.errors import ProviderUnavailableError, SessionStateError
from avatar_core.contract.hookspecs import hookimpl
from avatar_core.contract.models import PrewarmRequest, StartedSession, StartRequest
from avatar_core.provider_http.pool import HttpPool
from avatar_core.testing.call_footprint import footprint, nothing_left_behind
from avatar_core.testing.call_stage import CallStage
from tests.session.scripted_provider import Make, ScriptedProvider, registered


class WarmProvider(ScriptedProvider):
    """Opens its client when it is prewarmed, and tells which pool each call got."""

    def __init__(self, name: str = "warm") -> None:
        super().__init__(name, on_start=self._on_pool)
        self.error: Exception | None = None
        self.hangs = False
        self.warmed: list[HttpPool] = []
        self.started: list[HttpPool] = []
        self.clients: list[aiohttp.ClientSession] = []

    @hookimpl
    async def prewarm(self, request: PrewarmRequest) -> None:
        if self.hangs:
            await asyncio.Event().wait()
        if self.error is not None:
            raise self.error
        self.warmed.append(request.http)
        self.clients.append(request.http.session())

    async def _on_pool(self, request: StartRequest, make: Make) -> StartedSession:
        self.started.append(request.http)
        self.clients.append(request.http.session())
        return make()


@pytest.fixture
def provider() -> Iterator[WarmProvider]:
    warm = WarmProvider()
    with registered(warm):
        yield warm


async def start(avatar: AvatarSession, stage: CallStage) -> None:
    await avatar.start(stage.agent_session, stage.room, **stage.credentials)


async def test_a_start_uses_what_prewarming_has_opened(
    stage: CallStage, provider: WarmProvider
) -> None:
    await stage.start_agent()
    before = footprint(stage)
    avatar = AvatarSession("warm")
    task = avatar.prewarm()
    assert avatar.prewarm() is task
    await task
    assert (avatar.state, provider.made) == ("idle", 0)

    await start(avatar, stage)
    assert provider.warmed == provider.started
    warmed, used = provider.clients
    assert warmed is used
    while_in_use = used.closed
    await avatar.aclose()
    assert (while_in_use, used.closed) == (False, True)
    await nothing_left_behind(stage, before)


async def test_avatars_of_one_job_share_their_connections_and_the_last_one_closes_them(
    stage: CallStage, provider: WarmProvider
) -> None:
    await stage.start_agent()
    one, other = AvatarSession("warm"), AvatarSession("warm")
    await asyncio.gather(one.prewarm(), other.prewarm())
    first, second = provider.clients
    assert first is second

    await start(one, stage)
    await one.aclose()
    while_one_is_left = first.closed
    await other.aclose()
    assert (while_one_is_left, first.closed) == (False, True)


async def test_what_was_prewarmed_and_never_started_is_closed(provider: WarmProvider) -> None:
    async with AvatarSession("warm") as avatar:
        await avatar.prewarm()
    assert (avatar.state, provider.clients[0].closed) == ("closed", True)


async def test_a_provider_that_cannot_be_prewarmed_is_started_all_the_same(
    stage: CallStage, provider: WarmProvider, caplog: pytest.LogCaptureFixture
) -> None:
    provider.error = ProviderUnavailableError("no connection")
    await stage.start_agent()
    async with AvatarSession("warm") as avatar:
        with caplog.at_level(logging.WARNING):
            await avatar.prewarm()
        assert "could not be prewarmed" in caplog.text
        assert "no connection" in caplog.text
        await start(avatar, stage)
        assert avatar.session_id == "warm-1"


async def test_a_start_does_not_wait_for_prewarming(
    stage: CallStage, provider: WarmProvider
) -> None:
    provider.hangs = True
    await stage.start_agent()
    before = footprint(stage)
    async with AvatarSession("warm") as avatar:
        task = avatar.prewarm()
        await start(avatar, stage)
        assert not task.done()
    assert task.cancelled()
    await nothing_left_behind(stage, before)


async def test_prewarming_what_needs_nothing_is_nothing(stage: CallStage) -> None:
    with registered(ScriptedProvider()):
        async with AvatarSession("scripted") as avatar:
            await avatar.prewarm()
    async with AvatarSession("off") as avatar:
        await avatar.prewarm()


async def test_it_is_too_late_to_prewarm_after_the_start(
    stage: CallStage, provider: WarmProvider
) -> None:
    await stage.start_agent()
    async with AvatarSession("warm") as avatar:
        await start(avatar, stage)
        with pytest.raises(SessionStateError, match=r"prewarm\(\) comes before start\(\)"):
            _ = avatar.prewarm()
