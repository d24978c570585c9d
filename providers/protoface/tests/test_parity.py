"""Every parameter of ``livekit-plugins-protoface`` 1.8.9, given to it and to ours alike."""

from __future__ import annotations

import asyncio
import base64
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from livekit.agents import (
    NOT_GIVEN,
    APIConnectionError,
    APIConnectOptions,
    APIError,
    APIStatusError,
)
from livekit.plugins import protoface as reference

from avatar_core import AvatarPolicy, AvatarSession
from avatar_core.livekit_server import LiveKitServer
from avatar_core.testing.call_stage import tone
from avatar_provider_protoface.emulator.faults import Fault

from .calling_stage import ProtofaceStage, protoface_stage
from .hand_worker import hand_worker

DEFAULT_IDENTITY = "protoface-avatar-agent"
SAID = {"error": {"type": "t", "code": "c", "message": "m", "param": None, "request_id": "req_1"}}


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row of the table.

    Args:
        given: To the constructor.
        start: To ``start``, beside the room's credentials.
        without: Credentials that are left to the environment.
        see: What of the request has to be equal.
        is_: And what it has to be; a function of the stage where that matters.
    """

    given: dict[str, Any] = field(default_factory=dict)
    without: tuple[str, ...] = ()
    see: Callable[[dict[str, Any], dict[str, Any]], Any]
    is_: Any = None


ROWS = {
    "avatar_id": Row(given={"avatar_id": "av_stock_003"}, see=lambda body, _: body["avatar_id"],
                     is_="av_stock_003"),
    "avatar_id not given": Row(see=lambda body, _: body["avatar_id"], is_="av_stock_001"),
    "max_duration_seconds": Row(given={"max_duration_seconds": 77},
                                see=lambda body, _: body["max_duration_seconds"], is_=77),
    "max_duration_seconds None": Row(given={"max_duration_seconds": None},
                                     see=lambda body, _: body.get("max_duration_seconds", "-"),
                                     is_="-"),
    "max_duration_seconds not given": Row(given={"max_duration_seconds": NOT_GIVEN},
                                          see=lambda body, _: body.get("max_duration_seconds", "-"),
                                          is_="-"),
    "avatar_participant_identity": Row(
        given={"avatar_participant_identity": "somebody"},
        see=lambda body, token: (body["transport"]["worker_identity"], token["sub"]),
        is_=("somebody", "somebody")),
    "avatar_participant_identity None": Row(
        given={"avatar_participant_identity": None},
        see=lambda body, token: (body["transport"]["worker_identity"], token["sub"]),
        is_=(DEFAULT_IDENTITY, DEFAULT_IDENTITY)),
    "avatar_participant_identity not given": Row(
        see=lambda body, token: (body["transport"]["worker_identity"], token["sub"]),
        is_=(DEFAULT_IDENTITY, DEFAULT_IDENTITY)),
    "avatar_participant_identity empty": Row(
        given={"avatar_participant_identity": ""},
        see=lambda body, token: (body["transport"]["worker_identity"], token["sub"]),
        is_=(DEFAULT_IDENTITY, DEFAULT_IDENTITY)),
    "avatar_participant_name None": Row(given={"avatar_participant_name": None},
                                        see=lambda _, token: token["name"], is_=DEFAULT_IDENTITY),
    "avatar_participant_name": Row(given={"avatar_participant_name": "Ada"},
                                   see=lambda _, token: token["name"], is_="Ada"),
    "avatar_participant_name not given": Row(see=lambda _, token: token["name"],
                                             is_=DEFAULT_IDENTITY),
    "identity alone changes no name": Row(given={"avatar_participant_identity": "somebody"},
                                          see=lambda _, token: token["name"],
                                          is_=DEFAULT_IDENTITY),
    "api_url and api_key from the environment": Row(given={"api_url": NOT_GIVEN,
                                                           "api_key": NOT_GIVEN},
                                                    see=lambda body, _: body["avatar_id"],
                                                    is_="av_stock_001"),
    "api_url and api_key None": Row(given={"api_url": None, "api_key": None},
                                    see=lambda body, _: body["avatar_id"], is_="av_stock_001"),
    "livekit_url from the environment": Row(without=("livekit_url",),
                                            see=lambda body, _: body["transport"]["url"]),
    "livekit_api_key and _secret from the environment": Row(
        without=("livekit_api_key", "livekit_api_secret"), see=lambda _, token: token["iss"]),
    "publish on behalf": Row(see=lambda _, token: token["attributes"],
                             is_={"lk.publish_on_behalf": "agent"}),
    "kind": Row(see=lambda _, token: token["kind"], is_="agent"),
    "transport": Row(see=lambda body, _: (body["transport"]["type"],
                                          body["transport"]["audio_source"]),
                     is_=("livekit", "data_stream")),
}  # fmt: skip


def make(which: str, stage: ProtofaceStage, given: dict[str, Any]) -> Any:
    arguments = {"api_url": stage.emulator.url, "api_key": stage.emulator.api_key, **given}
    if which == "livekit's":
        return reference.AvatarSession(**arguments)
    return AvatarSession("protoface", policy=AvatarPolicy(on_failure="raise"), **arguments)


def asked(stage: ProtofaceStage) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return body and token claims of the latest create."""
    create = next(s for s in reversed(stage.emulator.requests) if s.path == "/v1/sessions")
    payload = stage.emulator.sessions[0].token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return create.body, claims


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
async def test_a_parameter_means_the_same(
    livekit_server: LiveKitServer, row: Row, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with protoface_stage(livekit_server, worker="none") as stage:
        for name, value in stage.emulator.environment.items():
            monkeypatch.setenv(name, value)
        for name, value in stage.call.credentials.items():
            monkeypatch.setenv(name.upper(), value)
        credentials = {n: v for n, v in stage.call.credentials.items() if n not in row.without}
        await stage.call.start_agent()
        seen = {}
        for which in ("livekit's", "ours"):
            avatar = make(which, stage, row.given)
            await avatar.start(stage.call.agent_session, stage.call.room, **credentials)
            seen[which] = row.see(*asked(stage))
            assert avatar.provider == "protoface"
            assert avatar.session_id == stage.emulator.sessions[0].id
            await avatar.aclose()
        assert seen["ours"] == seen["livekit's"]
        if row.is_ is not None:
            assert seen["ours"] == row.is_


async def test_conn_options_mean_the_same(livekit_server: LiveKitServer) -> None:
    connect = APIConnectOptions(max_retry=2, retry_interval=0.05, timeout=5)
    async with protoface_stage(livekit_server, worker="none") as stage:
        attempts = []
        for which in ("livekit's", "ours"):
            stage.emulator.faults.add(Fault(on="create", status=503, times=3))
            before = len(stage.emulator.requests)
            avatar = make(which, stage, {"conn_options": connect})
            with pytest.raises(APIConnectionError):
                await avatar.start(
                    stage.call.agent_session, stage.call.room, **stage.call.credentials
                )
            attempts.append(
                len([s for s in stage.emulator.requests if s.method == "POST"]) - before
            )
            await avatar.aclose()
        assert attempts == [3, 3]


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault(on="create", status=401, body=SAID), APIStatusError),
        (Fault(on="create", status=402, body=SAID), APIStatusError),
        (Fault(on="create", status=409, body=SAID), APIStatusError),
        (Fault(on="create", status=422, body=SAID), APIStatusError),
        (Fault(on="create", status=500, body=SAID), APIConnectionError),
        (Fault(on="create", answer="reset"), APIConnectionError),
    ],
    ids=["401", "402", "409", "422", "500", "reset"],
)
async def test_the_same_except_catches_both(
    livekit_server: LiveKitServer, fault: Fault, error: type[APIError]
) -> None:
    async with protoface_stage(livekit_server, worker="none") as stage:
        for which in ("livekit's", "ours"):
            stage.emulator.faults.add(fault)
            avatar = make(which, stage, {"conn_options": APIConnectOptions(max_retry=0)})
            with pytest.raises(error) as caught:
                await avatar.start(
                    stage.call.agent_session, stage.call.room, **stage.call.credentials
                )
            if isinstance(caught.value, APIStatusError):
                assert (caught.value.status_code, caught.value.body) == (fault.status, SAID)
            await avatar.aclose()


async def test_speech_waits_for_the_video_track_and_goes_as_a_stream_of_16_khz(
    livekit_server: LiveKitServer,
) -> None:
    async with protoface_stage(livekit_server, worker="none") as stage:
        await stage.call.start_agent()
        for which in ("livekit's", "ours"):
            identity = f"face-{uuid.uuid4().hex[:8]}"
            avatar = make(which, stage, {"avatar_participant_identity": identity})
            await avatar.start(stage.call.agent_session, stage.call.room, **stage.call.credentials)
            speech = stage.call.agent_session.say("hello", audio=tone(seconds=1))
            async with hand_worker(stage) as worker:
                await stage.call.viewer.until_heard(identity, seconds=0.5)
                assert worker.streams == 0
                await worker.publish_video()
                attributes, data = await asyncio.wait_for(worker.stream, 20)
                assert (attributes["sample_rate"], attributes["num_channels"]) == ("16000", "1")
                assert len(data) == pytest.approx(16000 * 2, rel=0.02)
                await asyncio.wait_for(stage.call.agent_session.interrupt(force=True), 20)
                await asyncio.wait_for(speech.wait_for_playout(), 20)
            await avatar.aclose()


async def test_a_second_start_is_a_runtime_error(livekit_server: LiveKitServer) -> None:
    async with protoface_stage(livekit_server, worker="none") as stage:
        await stage.call.start_agent()
        for which in ("livekit's", "ours"):
            avatar = make(which, stage, {})
            start = (stage.call.agent_session, stage.call.room)
            await avatar.start(*start, **stage.call.credentials)
            with pytest.raises(RuntimeError):
                await avatar.start(*start, **stage.call.credentials)
            await avatar.aclose()
