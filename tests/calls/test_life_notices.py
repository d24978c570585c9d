"""What a provider is told while its session lives."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from avatar_core import AvatarSession
from avatar_core.calling.provider_call import ProviderCall
from avatar_core.contract.errors import ProviderUnavailableError
from avatar_core.contract.hookspecs import hookimpl
from avatar_core.contract.models import SessionRequest
from avatar_core.testing.call_footprint import footprint, nothing_left_behind
from avatar_core.testing.call_stage import CallStage
from tests.session.scripted_provider import (
    ListeningProvider,
    eventually,
    extended_by,
    registered,
)


class KeptProvider(ListeningProvider):
    """Wants to hear of its session five times a second, and does not always listen."""

    def __init__(self) -> None:
        super().__init__("kept", joins=True, keep_alive_period=0.2)
        self.kept: list[str | None] = []
        self.failures = 1

    @hookimpl
    async def keep_alive(self, request: SessionRequest) -> None:
        if self.failures:
            self.failures -= 1
            raise ProviderUnavailableError("not now")
        self.kept.append(request.session.session_id)


class RefusesOnce:
    """An extension that fails the first call of each notice, with an error of its own."""

    def __init__(self) -> None:
        self.refused: set[str] = set()

    @hookimpl
    @asynccontextmanager
    async def around_call(self, call: ProviderCall) -> AsyncIterator[None]:
        if call.hook in ("keep_alive", "agent_state_changed") and call.hook not in self.refused:
            self.refused.add(call.hook)
            raise RuntimeError("no room in the audit log")
        yield


async def test_a_session_is_kept_alive_through_failures_until_it_ends(
    stage: CallStage, caplog: pytest.LogCaptureFixture
) -> None:
    provider, extension = KeptProvider(), RefusesOnce()
    await stage.start_agent()
    before = footprint(stage)
    with registered(provider), extended_by(extension), caplog.at_level(logging.WARNING):
        async with AvatarSession("kept") as avatar:
            await avatar.start(stage.agent_session, stage.room, **stage.credentials)
            await avatar.wait_for_join(timeout=15)
            await eventually(lambda: len(provider.kept) >= 3)
            assert set(provider.kept) == {"kept-1"}
            assert extension.refused == {"keep_alive", "agent_state_changed"}
            # The refused one is lost, what follows is told.
            stage.agent_session._update_agent_state("thinking")
            await eventually(lambda: ("listening", "thinking") in provider.states)
        told = len(provider.kept)
        await nothing_left_behind(stage, before)
    assert len(provider.kept) == told
    messages = [record.getMessage() for record in caplog.records]
    assert messages.count("the avatar session was not kept alive; it may expire") == 2
    assert messages.count("the provider did not take the agent's state") == 1
