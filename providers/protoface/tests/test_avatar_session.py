"""The public AvatarSession over a Protoface that fails, in a real room."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from livekit.agents import APIConnectionError, APIConnectOptions, APIError, APIStatusError

from avatar_core import AvatarPolicy, AvatarSession
from avatar_core.contract.errors import ConfigurationError, SessionStateError
from avatar_core.livekit_server import LiveKitServer
from avatar_core.testing.call_stage import tone
from avatar_provider_protoface.emulator.faults import Fault
from avatar_provider_protoface.emulator.manners import WorkerManners

from .calling_stage import ProtofaceStage, protoface_stage

QUICK = APIConnectOptions(max_retry=1, retry_interval=0.05, timeout=0.5)


def session(stage: ProtofaceStage, **options: Any) -> AvatarSession:
    return stage.avatar(**{"conn_options": QUICK, **options})


async def test_what_catches_livekits_errors_catches_ours(livekit_server: LiveKitServer) -> None:
    cases: list[tuple[Fault, type[APIError]]] = [
        (Fault(on="create", status=402, body={"error": {"code": "x"}}), APIStatusError),
        (Fault(on="create", status=422, body={"error": {"code": "x"}}), APIStatusError),
        (Fault(on="create", status=401, body={"error": {"code": "x"}}), APIStatusError),
        (Fault(on="create", status=503, times=2), APIConnectionError),
        (Fault(on="create", answer="reset", times=2), APIConnectionError),
        (Fault(on="create", answer="drip", times=2), APIConnectionError),
    ]
    async with protoface_stage(livekit_server) as stage:
        for fault, error in cases:
            stage.emulator.faults.add(fault)
            avatar = session(stage, policy=AvatarPolicy(on_failure="raise"))
            with pytest.raises(error) as caught:
                await avatar.start(
                    stage.call.agent_session, stage.call.room, **stage.call.credentials
                )
            if isinstance(caught.value, APIStatusError):
                assert caught.value.status_code == fault.status
            await avatar.aclose()
        assert stage.emulator.sessions == []


async def test_a_garbled_start_leaves_the_agent_its_voice_and_no_session(
    livekit_server: LiveKitServer,
) -> None:
    async with protoface_stage(livekit_server) as stage:
        stage.emulator.faults.add(Fault(on="create", when="after", status=201, body="<html>"))
        avatar = session(stage)
        await stage.call.start_agent()
        await avatar.start(stage.call.agent_session, stage.call.room, **stage.call.credentials)
        assert avatar.state == "voice_only"
        speech = stage.call.agent_session.say("hello", audio=tone(seconds=1))
        await asyncio.wait_for(speech.wait_for_playout(), 20)
        assert stage.call.viewer.heard["agent"].loud_seconds() > 0.5
        await avatar.aclose()
        await stage.until_over()


async def test_two_starts_at_once_make_one_session(livekit_server: LiveKitServer) -> None:
    async with protoface_stage(livekit_server) as stage:
        avatar = session(stage)
        await stage.call.start_agent()
        outcomes = await asyncio.gather(
            *(
                avatar.start(stage.call.agent_session, stage.call.room, **stage.call.credentials)
                for _ in range(2)
            ),
            return_exceptions=True,
        )
        assert [type(each) for each in outcomes].count(SessionStateError) == 1
        await avatar.aclose()
        await stage.until_over()
        assert len(stage.emulator.sessions) == 1


async def test_an_avatar_that_never_joins_is_ended_and_the_agent_speaks(
    livekit_server: LiveKitServer,
) -> None:
    async with protoface_stage(livekit_server) as stage:
        stage.emulator.manners = WorkerManners(never_join=True)
        avatar = session(stage, policy=AvatarPolicy(join_timeout=1.0))
        await stage.call.start_agent()
        await avatar.start(stage.call.agent_session, stage.call.room, **stage.call.credentials)
        speech = stage.call.agent_session.say("hello", audio=tone(seconds=1))
        await asyncio.wait_for(speech.wait_for_playout(), 20)
        await stage.call.viewer.until_heard("agent", seconds=0.5)
        assert avatar.state == "voice_only"
        await avatar.aclose()
        await stage.until_over()


async def test_a_private_livekit_server_is_refused_before_anything_is_sent(
    livekit_server: LiveKitServer,
) -> None:
    async with protoface_stage(livekit_server) as stage:
        avatar = session(stage, api_url="https://api.protoface.com")
        with pytest.raises(ConfigurationError, match="cannot reach the LiveKit server"):
            await avatar.start(stage.call.agent_session, stage.call.room, **stage.call.credentials)
        await avatar.aclose()
