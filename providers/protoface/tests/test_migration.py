"""Both sides of each example in docs/migrate.md, in the same call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest
from livekit.agents import AgentSession
from livekit.agents.voice.avatar import AvatarSession as LiveKitAvatarSession

from avatar_core.livekit_server import LiveKitServer
from avatar_core.testing.call_stage import tone

from .calling_stage import ProtofaceStage, eventually, protoface_stage

IDENTITY = "protoface-avatar-agent"

Session = AgentSession[Any]
Example = Callable[[Session, Any], Awaitable[LiveKitAvatarSession[Any]]]
Change = Callable[[Session, Any, Any], Awaitable[LiveKitAvatarSession[Any]]]


async def face_before(session: Session, ctx: Any) -> LiveKitAvatarSession[Any]:
    from livekit.plugins import protoface

    avatar = protoface.AvatarSession(avatar_id="av_stock_001", max_duration_seconds=600)
    await avatar.start(session, room=ctx.room)
    await avatar.wait_for_join(timeout=20)
    return avatar


async def face_after(session: Session, ctx: Any) -> LiveKitAvatarSession[Any]:
    from avatar_core import AvatarSession

    avatar = AvatarSession("protoface", avatar_id="av_stock_001", max_duration_seconds=600)
    await avatar.start(session, room=ctx.room)
    await avatar.wait_for_join(timeout=20)
    return avatar


async def other_face_before(session: Session, ctx: Any, avatar: Any) -> Any:
    from livekit.plugins import protoface

    await session.interrupt()
    await avatar.aclose()
    avatar = protoface.AvatarSession(
        avatar_id="av_stock_002", avatar_participant_identity="second-face"
    )
    await avatar.start(session, room=ctx.room)
    await avatar.wait_for_join(timeout=20)
    return avatar


async def other_face_after(session: Session, ctx: Any, avatar: Any) -> Any:
    await avatar.switch("protoface/av_stock_002")
    return avatar


async def fallback_before(session: Session, ctx: Any) -> LiveKitAvatarSession[Any]:
    from livekit.agents import APIError
    from livekit.plugins import protoface

    for avatar_id in ("av_nobody_has", "av_stock_001"):
        avatar = protoface.AvatarSession(avatar_id=avatar_id)
        try:
            await avatar.start(session, room=ctx.room)
            await avatar.wait_for_join(timeout=10)
            break
        except (APIError, asyncio.TimeoutError):
            await avatar.aclose()
    return avatar


async def fallback_after(session: Session, ctx: Any) -> LiveKitAvatarSession[Any]:
    from avatar_core import AvatarSession

    avatar = AvatarSession(["protoface/av_nobody_has", "protoface/av_stock_001"])
    await avatar.start(session, room=ctx.room)
    await avatar.wait_for_join(timeout=20)
    return avatar


@pytest.fixture
async def stage(
    livekit_server: LiveKitServer, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[ProtofaceStage]:
    async with protoface_stage(livekit_server) as stage:
        monkeypatch.setenv("PROTOFACE_API_KEY", stage.emulator.api_key)
        monkeypatch.setenv("PROTOFACE_API_URL", stage.emulator.url)
        for name, value in stage.call.credentials.items():
            monkeypatch.setenv(name.upper(), value)
        await stage.call.start_agent()
        yield stage


async def says(stage: ProtofaceStage, identity: str) -> None:
    """Let the agent say something, and hear it from a participant."""
    heard = stage.call.viewer.heard[identity]
    await stage.call.viewer.until(lambda: bool(heard.times), timeout=20)
    before = heard.loud_seconds()
    said = stage.call.agent_session.say("la", audio=tone(seconds=1.5))
    await asyncio.wait_for(said.wait_for_playout(), 30)
    await stage.call.viewer.until(lambda: heard.loud_seconds() > before + 1, timeout=10)


@pytest.mark.parametrize("example", [face_before, face_after, fallback_before, fallback_after])
async def test_both_sides_of_an_example_give_the_agent_its_face(
    stage: ProtofaceStage, example: Example
) -> None:
    avatar = await example(stage.call.agent_session, SimpleNamespace(room=stage.call.room))
    try:
        await says(stage, avatar.avatar_identity)
    finally:
        await avatar.aclose()
    await eventually(lambda: all(each.over for each in stage.emulator.sessions))


@pytest.mark.parametrize(
    ("example", "change", "second"),
    [
        (face_before, other_face_before, "second-face"),
        (face_after, other_face_after, f"{IDENTITY}-2"),
    ],
)
async def test_both_sides_of_a_change_of_faces_end_with_the_other_one(
    stage: ProtofaceStage, example: Example, change: Change, second: str
) -> None:
    ctx = SimpleNamespace(room=stage.call.room)
    avatar = await example(stage.call.agent_session, ctx)
    try:
        await says(stage, IDENTITY)
        avatar = await change(stage.call.agent_session, ctx, avatar)
        await says(stage, second)
        chosen = sorted(each.avatar_id for each in stage.emulator.sessions)
        assert chosen == ["av_stock_001", "av_stock_002"]
    finally:
        await avatar.aclose()
    await eventually(lambda: all(each.over for each in stage.emulator.sessions))
