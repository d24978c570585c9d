"""A whole call on a real LiveKit server: LiveKit's own plugin, unmodified, and ours."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Protocol

import pytest
from livekit import rtc
from livekit.agents import utils
from livekit.plugins import protoface as reference

from avatar_core import AvatarSession
from avatar_core.livekit_server import LiveKitServer
from avatar_core.testing.call_stage import tone

from .calling_stage import ProtofaceStage, protoface_stage


class Avatar(Protocol):
    async def start(self, agent_session: Any, room: rtc.Room, **credentials: Any) -> None: ...

    async def aclose(self) -> None: ...


def make(which: str, stage: ProtofaceStage, **options: Any) -> Any:
    given = {
        "api_url": stage.emulator.url,
        "api_key": stage.emulator.api_key,
        "avatar_participant_identity": stage.identity,
        **options,
    }
    if which == "livekit's":
        return reference.AvatarSession(**given)
    return AvatarSession("protoface/av_stock_001", **given)


@asynccontextmanager
async def avatar_in(stage: ProtofaceStage, which: str, **options: Any) -> AsyncIterator[Any]:
    avatar = make(which, stage, **options)
    try:
        await stage.call.start_agent()
        await avatar.start(stage.call.agent_session, stage.call.room, **stage.call.credentials)
        await stage.call.viewer.until_seen(stage.identity)
        stage.watch_playback()
        yield avatar
    finally:
        await avatar.aclose()


BOTH = pytest.mark.parametrize(
    ("which", "profile"),
    [("livekit's", "sdk-0.1.0"), ("ours", "sdk-0.1.0"), ("ours", "current")],
)


@BOTH
async def test_a_whole_call(livekit_server: LiveKitServer, which: str, profile: str) -> None:
    async with protoface_stage(livekit_server, profile=profile) as stage:
        viewer, agent = stage.call.viewer, stage.call.agent_session
        async with avatar_in(stage, which) as avatar:
            assert stage.published() == {
                "protoface-avatar": rtc.TrackSource.SOURCE_CAMERA,
                "protoface-avatar-audio": rtc.TrackSource.SOURCE_MICROPHONE,
            }
            assert stage.session.status == "running"
            assert avatar.session_id == stage.session.id

            await asyncio.wait_for(agent.say("one", audio=tone(seconds=1.5)).wait_for_playout(), 20)
            await viewer.until_silent(stage.identity)
            # A receiver stretches sound while its jitter buffer settles, more on a busy machine.
            assert 1.3 < viewer.heard[stage.identity].loud_seconds() < 2.3
            assert stage.finished[0].playback_position == pytest.approx(1.5, abs=0.15)
            assert not stage.finished[0].interrupted

            speech = agent.say("two", audio=tone(seconds=20))
            await viewer.until(lambda: viewer.heard[stage.identity].loud_seconds() > 2.5)
            await asyncio.wait_for(agent.interrupt(), 5)
            await asyncio.wait_for(speech.wait_for_playout(), 10)
            assert stage.finished[1].interrupted
            assert 0.5 < stage.finished[1].playback_position < 10

            await asyncio.wait_for(
                agent.say("three", audio=tone(seconds=0.5)).wait_for_playout(), 20
            )
            assert not stage.finished[2].interrupted
        await stage.until_over()
        assert stage.session.history == ["queued", "starting", "running", "ending", "ended"]
        await stage.until_gone()
        assert viewer.heard["agent"].loud_seconds() == 0


async def test_the_requests_of_both_plugins_differ_as_intended(
    livekit_server: LiveKitServer,
) -> None:
    bodies: dict[str, Any] = {}
    headers: dict[str, Any] = {}
    tokens: dict[str, Any] = {}
    async with protoface_stage(livekit_server) as stage:
        await stage.call.start_agent()
        for which in ("livekit's", "ours"):
            avatar = make(which, stage, max_duration_seconds=60)
            await avatar.start(stage.call.agent_session, stage.call.room, **stage.call.credentials)
            create = next(
                seen for seen in reversed(stage.emulator.requests) if seen.path == "/v1/sessions"
            )
            bodies[which] = create.body
            headers[which] = create.headers
            tokens[which] = claims(stage.emulator.sessions[0].token)
            await stage.call.viewer.until_seen(stage.identity)
            await avatar.aclose()
            await stage.until_gone()
            stage.call.viewer.seen.clear()
    theirs, ours = bodies["livekit's"], bodies["ours"]
    assert {name: ours[name] for name in theirs} == theirs
    assert set(ours) - set(theirs) == {"idle_timeout_seconds", "metadata"}
    assert "Idempotency-Key" not in headers["livekit's"]
    assert headers["ours"]["Idempotency-Key"]
    same = ("sub", "name", "kind", "attributes", "iss")
    assert [tokens["ours"].get(name) for name in same] == [
        tokens["livekit's"].get(name) for name in same
    ]
    assert tokens["livekit's"]["video"]["canSubscribe"]
    assert tokens["ours"]["video"] == {
        **{name: value for name, value in tokens["livekit's"]["video"].items()},
        "canSubscribe": False,
        "canPublishSources": ["camera", "microphone"],
    }
    assert tokens["livekit's"]["exp"] - tokens["livekit's"]["nbf"] == 6 * 3600
    assert tokens["ours"]["exp"] - tokens["ours"]["nbf"] <= 60 + 120


def claims(token: str) -> dict[str, Any]:
    payload = token.split(".")[1]
    decoded: dict[str, Any] = json.loads(
        base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
    )
    return decoded


async def test_an_avatar_that_is_taken_out_of_the_room_settles_its_session(
    livekit_server: LiveKitServer,
) -> None:
    from livekit import api

    async with protoface_stage(livekit_server) as stage, avatar_in(stage, "ours"):
        async with livekit_server.api() as server:
            await server.room.remove_participant(
                api.RoomParticipantIdentity(room=stage.call.room_name, identity=stage.identity)
            )
        await stage.until_over()
        assert stage.session.status == "ended"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"worker_identity": "somebody-else"}, "worker_token_identity"),
        ({"room_name": "another-room"}, "worker_token_room"),
        ({"worker_token": "no jwt"}, "worker_token_invalid"),
        ({"url": "ws://127.0.0.1:1"}, "worker_join_failed"),
        ({}, "worker_join_failed"),
    ],
    ids=["identity", "room", "garbage", "no server", "wrong key"],
)
async def test_a_token_that_does_not_open_the_room_fails_the_session(
    livekit_server: LiveKitServer, change: dict[str, str], code: str
) -> None:
    from livekit import api

    async with protoface_stage(livekit_server) as stage:
        token = (
            api.AccessToken(livekit_server.api_key, "wrong-secret-wrong-secret-wrong-secret")
            .with_identity(stage.identity)
            .with_grants(api.VideoGrants(room_join=True, room=stage.call.room_name))
            .to_jwt()
        )
        transport = {
            "type": "livekit",
            "url": livekit_server.url,
            "room_name": stage.call.room_name,
            "worker_identity": stage.identity,
            "worker_token": token,
            **change,
        }
        async with utils.http_context.http_session().post(
            f"{stage.emulator.url}/v1/sessions",
            json={"avatar_id": "av_stock_001", "transport": transport},
            headers={"Authorization": f"Bearer {stage.emulator.api_key}"},
        ) as response:
            assert response.status == 201
        await stage.until_over()
        assert stage.session.status == "failed"
        assert stage.session.failure is not None
        assert stage.session.failure[0] == code
        assert token not in str(stage.session.failure)
