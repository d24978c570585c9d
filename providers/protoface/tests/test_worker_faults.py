"""What an emulated worker can be told to do, seen from the room and from the API."""

from __future__ import annotations

import asyncio

import pytest

from avatar_core import AvatarSession
from avatar_core.livekit_server import LiveKitServer
from avatar_core.testing.call_stage import tone
from avatar_provider_protoface.emulator.manners import WorkerManners

from .calling_stage import ProtofaceStage, protoface_stage


async def join(stage: ProtofaceStage, *, pictures: int = 1) -> AvatarSession:
    avatar = AvatarSession(
        "protoface", api_url=stage.emulator.url, api_key=stage.emulator.api_key,
        avatar_participant_identity=stage.identity,
    )  # fmt: skip
    await stage.call.start_agent()
    await avatar.start(stage.call.agent_session, stage.call.room, **stage.call.credentials)
    if pictures:
        await stage.call.viewer.until_seen(stage.identity, pictures=pictures)
    return avatar


@pytest.mark.parametrize(
    ("act", "status", "code"),
    [("leave", "ended", None), ("crash", "failed", "worker_crashed")],
)
async def test_a_worker_that_goes_settles_its_session_and_the_agent_has_its_voice(
    livekit_server: LiveKitServer, act: str, status: str, code: str | None
) -> None:
    async with protoface_stage(livekit_server) as stage:
        avatar = await join(stage)
        worker = stage.emulator.account.get(stage.session.id).worker
        assert worker is not None
        await worker.act(act)
        await stage.until_over()
        assert stage.session.status == status
        assert (stage.session.failure or (None,))[0] == code
        await stage.until_gone()
        await stage.call.viewer.until(lambda: avatar.state == "voice_only")
        speech = stage.call.agent_session.say("still here", audio=tone(seconds=1))
        await asyncio.wait_for(speech.wait_for_playout(), 20)
        await stage.call.viewer.until_heard("agent", seconds=0.5)
        await avatar.aclose()


async def test_a_frozen_worker_shows_no_new_pictures(livekit_server: LiveKitServer) -> None:
    async with protoface_stage(livekit_server) as stage:
        avatar = await join(stage, pictures=3)
        worker = stage.emulator.account.get(stage.session.id).worker
        assert worker is not None
        await worker.act("freeze")
        frames = -1
        while frames != stage.session.frames:
            frames = stage.session.frames
            await asyncio.sleep(0.5)  # five pictures long
        assert stage.session.status == "running"
        await avatar.aclose()


async def test_a_worker_without_video_is_heard_of_and_not_seen(
    livekit_server: LiveKitServer,
) -> None:
    async with protoface_stage(livekit_server) as stage:
        stage.emulator.manners = WorkerManners(video=False)
        avatar = await join(stage, pictures=0)
        viewer = stage.call.viewer
        await viewer.until(lambda: len(viewer.heard[stage.identity].times) > 0)
        assert list(stage.published()) == ["protoface-avatar-audio"]
        assert stage.session.status == "starting"
        await avatar.aclose()
        await stage.until_over()


@pytest.mark.parametrize(
    ("manners", "audible"),
    [(WorkerManners(deaf_after=0.0), False), (WorkerManners(drop_reports=True), True)],
    ids=["deaf", "no reports"],
)
async def test_a_worker_that_is_deaf_says_nothing_and_one_without_reports_reports_nothing(
    livekit_server: LiveKitServer, manners: WorkerManners, audible: bool
) -> None:
    async with protoface_stage(livekit_server) as stage:
        stage.emulator.manners = manners
        avatar = await join(stage)
        await stage.call.viewer.until(lambda: avatar.state == "live")
        stage.watch_playback()
        heard = stage.call.viewer.heard[stage.identity]
        begin = len(heard.times)
        speech = stage.call.agent_session.say("hello", audio=tone(seconds=0.5))
        # Two seconds of what the avatar sends, silence included, in pieces of 10 ms.
        await stage.call.viewer.until(lambda: len(heard.times) - begin > 200)
        assert (heard.loud_seconds() > 0.3) == audible
        assert stage.finished == []
        await stage.call.agent_session.interrupt()
        await asyncio.wait_for(speech.wait_for_playout(), 20)
        await avatar.aclose()
        await stage.until_over()


async def test_a_worker_may_fail_its_session_with_any_code(livekit_server: LiveKitServer) -> None:
    async with protoface_stage(livekit_server) as stage:
        stage.emulator.manners = WorkerManners(fail_with="worker_out_of_memory")
        avatar = await join(stage, pictures=0)
        await stage.until_over()
        assert stage.session.status == "failed"
        assert stage.session.failure == ("worker_out_of_memory", "The worker was told to fail.")
        await avatar.aclose()
