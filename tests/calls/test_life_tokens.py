from __future__ import annotations

import base64
import json
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from livekit import api, rtc

from avatar_core import AvatarPolicy, AvatarSession
from avatar_core.calling.provider_call import ProviderCall
from avatar_core.contract.errors import ProviderError, ProviderUnavailableError
from avatar_core.contract.hookspecs import hookimpl
from avatar_core.contract.models import Capabilities, StartedSession, StartRequest, TokenRequest
from avatar_core.testing.call_stage import CallStage, tone
from tests.calls.avatar_in_call import SMALL_FACE
from tests.session.scripted_provider import Make, ScriptedProvider, extended_by, registered


def claims(jwt: str) -> dict[str, Any]:
    payload = jwt.split(".")[1]
    decoded: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * 3))
    return decoded


async def tokens_of(
    stage: CallStage, provider: ScriptedProvider, policy: AvatarPolicy | None = None, **options: Any
) -> list[dict[str, Any]]:
    with registered(provider):
        async with AvatarSession(provider.name, policy=policy, **options) as avatar:
            await avatar.start(stage.agent_session, stage.room, **stage.credentials)
    for token in provider.requests[0].tokens:
        verifier = api.TokenVerifier(stage.server.api_key, stage.server.api_secret)
        assert verifier.verify(token.jwt).identity == token.identity
    return [claims(token.jwt) for token in provider.requests[0].tokens]


async def test_the_workers_token_opens_one_room_for_one_identity_and_no_more(
    stage: CallStage,
) -> None:
    (token,) = await tokens_of(stage, ScriptedProvider())
    assert token["sub"] == "scripted-avatar-agent"
    assert token["kind"] == "agent"
    assert token["attributes"] == {"lk.publish_on_behalf": "agent"}
    granted = {name: value for name, value in token["video"].items() if value is not False}
    assert granted == {
        "roomJoin": True,
        "room": stage.room_name,
        "canPublish": True,
        "canPublishData": True,
        "canPublishSources": ["camera", "microphone"],
    }
    assert token["video"]["canSubscribe"] is False


@pytest.mark.parametrize(
    ("seconds", "policy", "expected"),
    [
        (None, AvatarPolicy(), 3600 + 120),
        (60.0, AvatarPolicy(), 60 + 120),
        (None, AvatarPolicy(default_session_seconds=600), 600 + 120),
        (60.0, AvatarPolicy(token_margin=5), 65),
    ],
    ids=["default", "limited session", "policy's default", "policy's margin"],
)
async def test_the_token_lives_as_long_as_the_session_may_plus_a_margin(
    stage: CallStage, seconds: float | None, policy: AvatarPolicy, expected: float
) -> None:
    began = time.time()
    (token,) = await tokens_of(stage, ScriptedProvider(), policy, seconds=seconds)
    assert expected - 1 <= token["exp"] - began <= expected + 10
    assert token["nbf"] <= began + 10


async def test_the_server_holds_the_worker_to_its_token(stage: CallStage) -> None:
    provider = ScriptedProvider(joins=True)
    with registered(provider):
        async with AvatarSession("scripted") as avatar:
            await avatar.start(stage.agent_session, stage.room, **stage.credentials)
            await avatar.wait_for_join(timeout=15)
            async with stage.server.api() as server:
                info = await server.room.get_participant(
                    api.RoomParticipantIdentity(
                        room=stage.room_name, identity="scripted-avatar-agent"
                    )
                )
            assert info.permission.can_publish_data
            assert not info.permission.can_subscribe
            assert not info.permission.hidden
            (worker,) = provider.workers
            screen = rtc.LocalVideoTrack.create_video_track("s", rtc.VideoSource(64, 64))
            with pytest.raises(Exception, match="(?i)permission|not allowed|publish|timeout|track"):
                await worker.local_participant.publish_track(
                    screen, rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_SCREENSHARE)
                )


async def test_a_provider_that_needs_to_hear_the_room_says_so(stage: CallStage) -> None:
    provider = ScriptedProvider(capabilities=Capabilities(worker_can_subscribe=True))
    (token,) = await tokens_of(stage, provider)
    assert token["video"]["canSubscribe"] is True


async def test_a_provider_with_several_workers_gets_a_token_for_each(stage: CallStage) -> None:
    provider = ScriptedProvider(tokens="many", token_roles=("avatar", "background"))
    avatar, background = await tokens_of(stage, provider)
    assert (avatar["sub"], background["sub"]) == (
        "scripted-avatar-agent",
        "scripted-avatar-agent-background",
    )
    assert [token.role for token in provider.requests[0].tokens] == ["avatar", "background"]
    assert provider.requests[0].token == provider.requests[0].tokens[0].jwt


async def test_a_provider_without_tokens_gets_none(stage: CallStage) -> None:
    provider = ScriptedProvider(tokens="none")
    assert await tokens_of(stage, provider) == []


async def test_a_provider_may_mint_its_own(stage: CallStage) -> None:
    asked: list[TokenRequest] = []

    class Minting(ScriptedProvider):
        @hookimpl
        async def mint_token(self, request: TokenRequest) -> str:
            asked.append(request)
            return "its-own"

    provider = Minting()
    with registered(provider):
        async with AvatarSession("scripted") as avatar:
            await avatar.start(stage.agent_session, stage.room, **stage.credentials)
    assert provider.requests[0].token == "its-own"
    assert asked[0].room.name == stage.room_name
    assert (asked[0].identity, asked[0].ttl) == ("scripted-avatar-agent", 3720.0)


async def test_none_from_the_provider_means_that_the_core_mints(stage: CallStage) -> None:
    class Declining(ScriptedProvider):
        @hookimpl
        def mint_token(self, request: TokenRequest) -> str | None:
            return None

    (token,) = await tokens_of(stage, Declining())
    assert token["video"]["room"] == stage.room_name


@pytest.mark.parametrize("answer", ["", 7, b"jwt"], ids=["empty", "number", "bytes"])
async def test_a_token_that_is_none_is_the_providers_defect_and_starts_nothing(
    stage: CallStage, answer: object
) -> None:
    class Wrong(ScriptedProvider):
        @hookimpl
        def mint_token(self, request: TokenRequest) -> Any:
            return answer

    provider = Wrong()
    with registered(provider):
        avatar = AvatarSession("scripted", policy=AvatarPolicy(on_failure="raise"))
        with pytest.raises(ProviderError, match="mint_token returned no token"):
            await avatar.start(stage.agent_session, stage.room, **stage.credentials)
    assert provider.requests == []


# --- secrets -----------------------------------------------------------------------------------


class TokenThief:
    """An extension that keeps what a log must not."""

    def __init__(self) -> None:
        self.calls: list[ProviderCall] = []
        self.tokens: list[str] = []

    @hookimpl
    @asynccontextmanager
    async def around_call(self, call: ProviderCall) -> AsyncIterator[None]:
        self.calls.append(call)
        yield
        if call.hook == "mint_token":
            self.tokens.append(call.result)


async def test_no_secret_is_logged_or_printed_in_a_whole_call(
    stage: CallStage, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    thief = TokenThief()
    shown: list[str] = []
    await stage.start_agent()
    with extended_by(thief):
        async with AvatarSession("mock", **SMALL_FACE) as avatar:
            await avatar.start(stage.agent_session, stage.room, **stage.credentials)
            await avatar.wait_for_join(timeout=15)
            await stage.agent_session.say("hello", audio=tone(seconds=0.3)).wait_for_playout()
            shown += [repr(avatar), str(avatar), repr(avatar.attempts), repr(vars(avatar))]
    shown += [repr(call.request) + str(call.request) for call in thief.calls]
    shown += [f"{record.getMessage()} {vars(record)}" for record in caplog.records]

    assert {call.hook for call in thief.calls} >= {"mint_token", "start_session", "end_session"}
    (jwt,) = thief.tokens
    for secret in (stage.server.api_secret, stage.server.api_key, jwt, jwt.split(".")[2]):
        assert not [text[:200] for text in shown if secret in text]


async def test_a_failed_start_shows_no_body_cause_or_secret(
    stage: CallStage, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="avatar_core")
    tokens: list[str] = []

    async def on_start(request: StartRequest, make: Make) -> StartedSession:
        tokens.append(request.token)
        try:
            raise RuntimeError(f"POST failed with {request.token}")
        except RuntimeError as exc:
            raise ProviderUnavailableError(
                "the service is down",
                status_code=503,
                code="down",
                request_id="req_1",
                body={"echo": request.token},
            ) from exc

    with registered(ScriptedProvider(on_start=on_start)):
        avatar = AvatarSession("scripted", policy=AvatarPolicy(on_failure="raise"))
        with pytest.raises(ProviderUnavailableError) as caught:
            await avatar.start(stage.agent_session, stage.room, **stage.credentials)
        async with AvatarSession("scripted") as silent:
            await silent.start(stage.agent_session, stage.room, **stage.credentials)
    error = caught.value
    assert str(error) == "scripted: the service is down (status 503, code down, request id req_1)"
    assert error.body == {"echo": tokens[0]}
    assert isinstance(error.__cause__, RuntimeError)
    shown = [str(error), repr(error), repr(avatar.attempts), repr(silent.attempts)]
    shown += [f"{record.getMessage()} {vars(record)}" for record in caplog.records]
    assert not [text for text in shown for token in tokens if token in text]
