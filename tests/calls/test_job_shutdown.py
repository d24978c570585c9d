from __future__ import annotations

import asyncio
import dataclasses
import gc
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from google.protobuf import json_format
from livekit import rtc
from livekit.agents import AgentSession, JobContext
from livekit.agents.testing import fake_job_context
from livekit.agents.types import ATTRIBUTE_SIMULATOR_DISPATCH
from livekit.protocol import agent_simulation as simulation

from avatar_core import AvatarPolicy, AvatarSession
from avatar_core.contract.errors import ProviderUnavailableError
from avatar_core.contract.models import EndRequest
from avatar_core.session.call_site import current_job, without_room
from avatar_core.session.job_shutdown import close_with_job
from avatar_core.testing.call_stage import CallStage
from tests.session.scripted_provider import ScriptedProvider, registered


@contextmanager
def job_in(
    stage: CallStage,
    *,
    fake: bool = False,
    simulated: Any = None,
) -> Iterator[JobContext]:
    """Run the block inside a real job context."""
    with fake_job_context(room=stage.room, agent_identity=stage.agent_identity) as job:
        job._info = dataclasses.replace(
            job._info, fake_job=fake, token=stage.token(stage.agent_identity)
        )
        if simulated is not None:
            told = simulation.SimulationDispatch(simulation_run_id="run-1", mode=simulated)
            job._info.job.attributes[ATTRIBUTE_SIMULATOR_DISPATCH] = json_format.MessageToJson(told)
        try:
            yield job
        finally:
            job._tempdir.cleanup()  # as the job's own end does


async def start(avatar: AvatarSession, stage: CallStage) -> None:
    await avatar.start(stage.agent_session, stage.room, **stage.credentials)


class Closed:
    def __init__(self) -> None:
        self.times = 0

    async def end_with_job(self, *, timeout: float) -> None:
        self.times += 1


async def test_a_job_has_one_callback_however_many_sessions_it_started(stage: CallStage) -> None:
    with job_in(stage) as job:
        sessions = [Closed() for _ in range(5)]
        for session in sessions:
            close_with_job(job, session)
        assert len(job._shutdown_callbacks) == 1
        await job._shutdown_callbacks[0]("over")
    assert [session.times for session in sessions] == [1] * 5


async def test_a_job_does_not_keep_its_sessions_alive(stage: CallStage) -> None:
    with job_in(stage) as job:
        session = Closed()
        close_with_job(job, session)
        gone = weakref.ref(session)
        del session
        gc.collect()
        assert gone() is None
        await job._shutdown_callbacks[0]("over")


async def test_a_failing_session_does_not_keep_the_others_from_closing(
    stage: CallStage, caplog: pytest.LogCaptureFixture
) -> None:
    class Failing(Closed):
        async def end_with_job(self, *, timeout: float) -> None:
            raise RuntimeError("a defect")

    with job_in(stage) as job:
        sessions = [Failing(), Closed(), Closed()]
        for session in sessions:
            close_with_job(job, session)
        await job._shutdown_callbacks[0]("over")
    assert [session.times for session in sessions[1:]] == [1, 1]
    assert "an avatar session was not closed" in caplog.text


async def test_the_jobs_shutdown_ends_the_session(stage: CallStage) -> None:
    provider = ScriptedProvider()
    with registered(provider), job_in(stage) as job:
        avatar = AvatarSession("scripted")
        await start(avatar, stage)
        assert len(provider.live) == 1
        for callback in job._shutdown_callbacks:
            await callback("over")
        assert (avatar.state, provider.live) == ("closed", {})


async def test_what_could_not_be_ended_before_is_ended_while_the_job_shuts_down(
    stage: CallStage,
) -> None:
    back = asyncio.Event()

    async def down(request: EndRequest) -> None:
        if not back.is_set():
            raise ProviderUnavailableError("down")

    provider = ScriptedProvider(on_end=down)
    with registered(provider), job_in(stage) as job:
        avatar = AvatarSession("scripted", policy=AvatarPolicy(end_timeout=0.1))
        await start(avatar, stage)
        await avatar.aclose()
        assert (avatar.state, len(provider.live)) == ("closed", 1)

        asyncio.get_running_loop().call_later(0.5, back.set)
        for callback in job._shutdown_callbacks:
            await callback("over")
        assert provider.live == {}


async def test_in_a_job_the_room_need_not_be_connected(stage: CallStage) -> None:
    provider = ScriptedProvider()
    room = rtc.Room()
    session: AgentSession[None] = AgentSession(vad=None)
    with registered(provider), job_in(stage):
        async with AvatarSession("scripted") as avatar:
            await avatar.start(session, room, **stage.credentials)
            address = provider.requests[0].room
            assert address is not None
            assert (address.name, address.agent_identity) == (stage.room_name, "agent")


@pytest.mark.parametrize("mode", ["text", "fake job"])
async def test_without_a_real_room_nothing_is_minted_or_started(
    stage: CallStage, mode: str
) -> None:
    provider = ScriptedProvider()
    with registered(provider):
        async with AvatarSession("scripted") as avatar:
            if mode == "text":
                with job_in(stage, simulated=simulation.SIMULATION_MODE_TEXT):
                    await avatar.start(stage.agent_session, stage.room)
            else:
                with job_in(stage, fake=True):
                    await avatar.start(stage.agent_session, stage.room)
            await asyncio.wait_for(avatar.wait_for_join(timeout=None), 5)
            assert avatar.state == "voice_only"
    assert provider.requests == []


async def test_a_simulation_with_sound_has_a_room_and_gets_its_avatar(stage: CallStage) -> None:
    provider = ScriptedProvider()
    with registered(provider), job_in(stage, simulated=simulation.SIMULATION_MODE_AUDIO) as job:
        assert current_job() is job
        assert without_room(job) is None
        async with AvatarSession("scripted") as avatar:
            await start(avatar, stage)
            assert avatar.state == "joining"
    assert provider.made == 1


async def test_outside_a_job_there_is_none() -> None:
    assert current_job() is None
    assert without_room(None) is None
