from __future__ import annotations

import asyncio
import uuid
from typing import Any

import pytest
from livekit import api
from livekit.agents import Agent, JobContext

from avatar_core import AvatarSession
from avatar_core.livekit_server import LiveKitServer
from avatar_core.testing.call_stage import room_token, tone
from avatar_core.testing.viewer import RecordingViewer
from tests.calls.avatar_in_call import SMALL_FACE
from tests.calls.watched_job import Watched, agent_without_models
from tests.session.agent_job import agent_server, dispatch, fresh_agent_name
from tests.session.scripted_provider import ScriptedProvider, eventually, registered

MOCK = "mock-avatar-agent"

pytestmark = pytest.mark.usefixtures("job_settings")


async def identities(server: LiveKitServer, room: str) -> list[str]:
    async with server.api() as client:
        answer = await client.room.list_participants(api.ListParticipantsRequest(room=room))
    return sorted(participant.identity for participant in answer.participants)


async def until_alone(server: LiveKitServer, room: str) -> None:
    for _ in range(400):
        if await identities(server, room) == ["viewer"]:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(await identities(server, room))


@pytest.mark.parametrize("order", ["avatar first", "session first", "connected first"])
async def test_in_a_job_the_avatar_speaks_and_goes_with_the_job(
    livekit_server: LiveKitServer, order: str
) -> None:
    watched = Watched()

    async def entrypoint(ctx: JobContext) -> None:
        try:
            session = agent_without_models()
            avatar = watched.avatar = AvatarSession("mock", **SMALL_FACE)
            avatar.on("state_changed", lambda event: watched.states.append(event.new_state))
            if order == "connected first":
                await ctx.connect()
            if order == "session first":
                await session.start(Agent(instructions=""), room=ctx.room)
            await avatar.start(session, ctx.room)
            if order != "session first":
                await session.start(Agent(instructions=""), room=ctx.room)
            await avatar.wait_for_join(timeout=30)
            watched.agent_identity = ctx.room.local_participant.identity
            watched.joined.set()
            await session.say("hello", audio=tone(seconds=1.0)).wait_for_playout()
            await watched.until_told()
            ctx.shutdown("the test is over")
        except BaseException as exc:
            watched.errors.append(exc)
            raise

    name, room = fresh_agent_name(), f"room-{uuid.uuid4().hex[:8]}"
    viewer = RecordingViewer()
    async with agent_server(livekit_server, entrypoint, agent_name=name):
        await viewer.connect(
            url=livekit_server.url, token=room_token(livekit_server, "viewer", room)
        )
        await dispatch(livekit_server, agent_name=name, room=room)
        await eventually(lambda: watched.joined.is_set() or bool(watched.errors), timeout=40)
        assert watched.errors == []
        await viewer.until_heard(MOCK, seconds=0.9)
        assert viewer.heard[watched.agent_identity].loud_seconds() == 0
        face = viewer.room.remote_participants[MOCK]
        assert face.attributes["lk.publish_on_behalf"] == watched.agent_identity

        watched.proceed.set()
        await until_alone(livekit_server, room)
        await eventually(lambda: watched.state == "closed")
    await viewer.aclose()
    assert watched.errors == []
    assert watched.states == ["starting", "joining", "live", "closing", "closed"]


@pytest.mark.parametrize(
    "end", ["the entrypoint raises", "the room is deleted", "the agent is removed"]
)
async def test_a_job_that_ends_in_an_unplanned_way_ends_the_session(
    livekit_server: LiveKitServer, end: str
) -> None:
    watched = Watched()
    provider = ScriptedProvider()

    async def entrypoint(ctx: JobContext) -> None:
        session = agent_without_models()
        watched.avatar = AvatarSession("scripted")
        await watched.avatar.start(session, ctx.room)
        await session.start(Agent(instructions=""), room=ctx.room)
        watched.agent_identity = ctx.room.local_participant.identity
        watched.joined.set()
        await watched.until_told()
        if end == "the entrypoint raises":
            raise RuntimeError("a mistake of the application's")

    name, room = fresh_agent_name(), f"room-{uuid.uuid4().hex[:8]}"
    with registered(provider):
        async with agent_server(livekit_server, entrypoint, agent_name=name):
            await dispatch(livekit_server, agent_name=name, room=room)
            await eventually(watched.joined.is_set, timeout=40)
            assert len(provider.live) == 1
            watched.proceed.set()
            async with livekit_server.api() as client:
                if end == "the room is deleted":
                    await client.room.delete_room(api.DeleteRoomRequest(room=room))
                if end == "the agent is removed":
                    await client.room.remove_participant(
                        api.RoomParticipantIdentity(room=room, identity=watched.agent_identity)
                    )
            await eventually(lambda: provider.live == {} and watched.state == "closed", timeout=30)
    assert len(provider.end_requests) == 1


async def test_console_mode_is_stepped_aside_from(
    livekit_server: LiveKitServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("LIVEKIT_URL", "LIVEKIT_API_KEY", "LIVEKIT_API_SECRET"):
        monkeypatch.delenv(variable)
    watched = Watched()
    provider = ScriptedProvider()
    facts: dict[str, Any] = {}

    async def entrypoint(ctx: JobContext) -> None:
        try:
            facts["fake"] = ctx.is_fake_job()
            session = agent_without_models()
            avatar = watched.avatar = AvatarSession("scripted")
            await avatar.start(session, ctx.room)
            await avatar.wait_for_join(timeout=1)
            facts["state"], facts["chain"] = avatar.state, session.output.audio
            await avatar.aclose()
        except BaseException as exc:
            watched.errors.append(exc)
            raise
        finally:
            watched.joined.set()
            ctx.shutdown("the test is over")

    with registered(provider):
        async with agent_server(livekit_server, entrypoint, registered=False) as agents:
            await agents.simulate_job("console-room", agent_identity="console", fake_job=True)
            await eventually(watched.joined.is_set, timeout=40)
    assert watched.errors == []
    assert facts == {"fake": True, "state": "voice_only", "chain": None}
    assert provider.requests == []
