"""LiveKit's Tavus plugin, unmodified, in real calls; Tavus' cloud alone is a double."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from livekit.agents.utils import http_context
from livekit.plugins import tavus

from avatar_core import (
    AvatarPolicy,
    AvatarSession,
    ConfigurationError,
    ProviderAuthError,
    ProviderError,
    ProviderTimeoutError,
    ProviderUnavailableError,
)
from avatar_core.livekit_server import LiveKitServer
from avatar_core.testing.avatar_call import open_avatar_call, open_stage
from avatar_core.testing.call_stage import CallStage
from avatar_core.testing.scripted_api import ScriptedApi
from avatar_core.testing.speech_sound import assert_whole, read_sweep, since, sweep

from .tavus_cloud import TavusCloud

PATIENCE = 30.0
RAISE = AvatarPolicy(on_failure="raise", join_timeout=PATIENCE)


class OurOwnTavus(tavus.AvatarSession):
    """What a team that has a plugin of its own has."""


@pytest.fixture
def cloud(scripted_api: ScriptedApi) -> TavusCloud:
    return TavusCloud(scripted_api)


async def test_by_name_it_speaks_and_closing_gives_the_voice_back(
    livekit_server: LiveKitServer, cloud: TavusCloud
) -> None:
    avatar = AvatarSession("livekit.tavus", policy=RAISE, **cloud.options())
    before = avatar.wrapped
    assert before is None
    async with (
        open_stage(livekit_server) as stage,
        open_avatar_call(stage, avatar, patience=PATIENCE) as call,
    ):
        assert isinstance(avatar.wrapped, tavus.AvatarSession)
        assert (avatar.session_id or "").startswith("c")
        assert_whole(await call.says(1.2), seconds=1.2)
        await avatar.aclose()
        await voice_speaks(stage)
        await alone(stage)


async def test_an_object_of_a_subclass_is_driven_once(
    livekit_server: LiveKitServer, cloud: TavusCloud
) -> None:
    async with http_context.open(), open_stage(livekit_server) as stage:
        own = OurOwnTavus(**cloud.options())
        avatar = AvatarSession(own, policy=RAISE)
        assert avatar.wrapped is own
        async with open_avatar_call(stage, avatar, patience=PATIENCE) as call:
            assert avatar.provider == "livekit.tavus"
            assert_whole(await call.says(1.2), seconds=1.2)
        again = AvatarSession(own, policy=RAISE)
        with pytest.raises(ConfigurationError, match="started before"):
            await again.start(stage.agent_session, stage.room, **stage.credentials)
        assert cloud.asked == 1


async def test_failures_are_told_by_their_kind_and_asked_for_once(
    livekit_server: LiveKitServer, cloud: TavusCloud
) -> None:
    async with open_stage(livekit_server) as stage:
        policy = AvatarPolicy(on_failure="voice", start_timeout=2.0)
        assert isinstance(
            await failed(stage, policy, cloud.options(key="wrong")), ProviderAuthError
        )
        policy = AvatarPolicy(on_failure="raise", start_timeout=2.0)
        cloud.status = 503
        assert isinstance(await failed(stage, policy, cloud.options()), ProviderUnavailableError)
        assert cloud.asked == 2, "it was asked again"
        await asyncio.to_thread(cloud.api.fail, "slow")
        began = time.monotonic()
        assert isinstance(await failed(stage, policy, cloud.options()), ProviderTimeoutError)
        assert time.monotonic() - began < PATIENCE
        await asyncio.to_thread(cloud.api.heal)
        await alone(stage)
        await voice_speaks(stage)


async def failed(stage: CallStage, policy: AvatarPolicy, options: dict[str, Any]) -> Exception:
    """Start and return what it raised."""
    avatar = AvatarSession("livekit.tavus", policy=policy, **options)
    try:
        with pytest.raises(ProviderError) as raised:
            await avatar.start(stage.agent_session, stage.room, **stage.credentials)
    finally:
        await avatar.aclose()
    return raised.value


async def voice_speaks(stage: CallStage) -> None:
    """What the agent says is heard from the agent itself."""
    began, agent = time.monotonic(), stage.agent_identity
    handle = stage.agent_session.say("by voice", audio=sweep(seconds=1.2))
    await asyncio.wait_for(handle.wait_for_playout(), PATIENCE)
    await stage.viewer.until_heard(agent, seconds=0.6, since=began)
    await stage.viewer.until_silent(agent, timeout=PATIENCE)
    assert_whole(read_sweep(since(stage.viewer.heard[agent], began)), seconds=1.2)


async def alone(stage: CallStage) -> None:
    """Agent and viewer are soon alone in the room."""
    wanted = sorted([stage.agent_identity, stage.viewer.room.local_participant.identity])
    deadline = time.monotonic() + PATIENCE
    while (there := await stage.identities()) != wanted:
        assert time.monotonic() < deadline, f"{there} are in the room"
        await asyncio.sleep(0.05)  # the server announces it to nobody outside
