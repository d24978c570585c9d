"""Both sides of the examples in docs/migrate.md for any plugin, in the same call."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest
from livekit.agents import AgentSession
from livekit.agents.utils import http_context
from livekit.agents.voice.avatar import AvatarSession as LiveKitAvatarSession
from livekit.plugins.tavus import api as tavus_api

from avatar_core.contract.models import RoomAddress
from avatar_core.livekit_server import LiveKitServer
from avatar_core.testing.avatar_call import open_stage
from avatar_core.testing.call_stage import CallStage
from avatar_core.testing.scripted_api import ScriptedApi
from avatar_core.testing.speech_sound import sweep
from avatar_provider_livekit.job_view import JobView
from avatar_provider_livekit.livekit_internals import job_variable

from .tavus_cloud import KEY, TavusCloud

PATIENCE = 30.0

Session = AgentSession[Any]
Example = Callable[[Session, Any], Awaitable[LiveKitAvatarSession[Any]]]


async def face_before(session: Session, ctx: Any) -> LiveKitAvatarSession[Any]:
    from livekit.plugins import tavus

    avatar = tavus.AvatarSession(pal_id="p-test")
    await avatar.start(session, room=ctx.room)
    return avatar


async def face_after(session: Session, ctx: Any) -> LiveKitAvatarSession[Any]:
    from avatar_core import AvatarSession

    avatar = AvatarSession("livekit.tavus", pal_id="p-test")
    await avatar.start(session, room=ctx.room)
    return avatar


async def object_after(session: Session, ctx: Any) -> LiveKitAvatarSession[Any]:
    from livekit.plugins import tavus

    from avatar_core import AvatarSession

    avatar = AvatarSession(tavus.AvatarSession(pal_id="p-test"))
    await avatar.start(session, room=ctx.room)
    return avatar


async def failover_after(session: Session, ctx: Any) -> LiveKitAvatarSession[Any]:
    from avatar_core import AvatarSession, Provider

    avatar = AvatarSession([Provider("livekit.tavus", pal_id="p-test"), "mock"])
    await avatar.start(session, room=ctx.room)
    return avatar


@pytest.fixture
async def stage(
    livekit_server: LiveKitServer, scripted_api: ScriptedApi, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[CallStage]:
    TavusCloud(scripted_api)
    monkeypatch.setattr(tavus_api, "DEFAULT_API_URL", scripted_api.url)
    monkeypatch.setenv("TAVUS_API_KEY", KEY)
    async with open_stage(livekit_server) as stage:
        for name, value in stage.credentials.items():
            monkeypatch.setenv(name.upper(), value)
        yield stage


async def in_a_job(example: Example, stage: CallStage) -> LiveKitAvatarSession[Any]:
    """Run one side as in a job's entrypoint: the plugin alone refuses to start outside one."""
    address = RoomAddress(
        url=stage.server.url, name=stage.room_name, agent_identity=stage.agent_identity
    )
    variable = job_variable()
    assert variable is not None
    if example is face_before:
        variable.set(JobView(job=None, room=stage.room, address=address))
    avatar = await example(stage.agent_session, SimpleNamespace(room=stage.room))
    await avatar.wait_for_join(timeout=PATIENCE)
    return avatar


@pytest.mark.parametrize("example", [face_before, face_after, object_after, failover_after])
async def test_each_side_of_an_example_gives_the_agent_its_face(
    stage: CallStage, example: Example
) -> None:
    async with http_context.open():
        # A task of its own: the job is seen there alone.
        avatar = await asyncio.create_task(in_a_job(example, stage))
        try:
            heard = stage.viewer.heard[avatar.avatar_identity]
            await stage.viewer.until(lambda: bool(heard.times), timeout=PATIENCE)
            began = time.monotonic()
            said = stage.agent_session.say("la", audio=sweep(seconds=1.2))
            await asyncio.wait_for(said.wait_for_playout(), PATIENCE)
            await stage.viewer.until_heard(avatar.avatar_identity, seconds=0.6, since=began)
        finally:
            await avatar.aclose()
