"""LiveKit's recorder, as a job turns it on, with an avatar that speaks for the agent."""

from __future__ import annotations

import asyncio
import shutil
import threading
import uuid
from pathlib import Path

import numpy as np
import pytest
from livekit.agents import Agent, AgentSession, JobContext

from avatar_core import AvatarSession
from avatar_core.audio.front_sink import FrontSink
from avatar_core.livekit_server import LiveKitServer
from avatar_core.testing.call_footprint import chain
from avatar_core.testing.call_stage import room_token
from avatar_core.testing.microphone import microphone_of
from avatar_core.testing.speech_sound import assert_whole, read_sweep, sweep
from avatar_core.testing.viewer import SAMPLE_RATE, RecordingViewer
from tests.calls.avatar_in_call import SMALL_FACE
from tests.calls.recorded_call import agent_channel
from tests.calls.watched_job import Watched, agent_without_models
from tests.session.agent_job import agent_server, dispatch, fresh_agent_name
from tests.session.scripted_provider import eventually

MOCK = "mock-avatar-agent"

pytestmark = pytest.mark.usefixtures("job_settings")


class Recorded(Watched):
    """Further, the recording, and what the agent's audio outputs were meanwhile."""

    def __init__(self, recording: Path) -> None:
        super().__init__()
        self.recording = recording
        self.heard = threading.Event()
        self.over = threading.Event()
        self.outputs: dict[str, list[str]] = {}

    def note_outputs(self, moment: str, session: AgentSession[None]) -> None:
        self.outputs[moment] = [type(output).__name__ for output in chain(session)]


@pytest.mark.parametrize("order", ["avatar first", "session first"])
async def test_a_jobs_recording_has_what_the_avatar_said_and_then_the_voice(
    livekit_server: LiveKitServer, order: str, tmp_path: Path
) -> None:
    watched = Recorded(tmp_path / "audio.ogg")

    async def entrypoint(ctx: JobContext) -> None:
        try:
            session = agent_without_models()
            avatar = watched.avatar = AvatarSession("mock", **SMALL_FACE)
            if order == "avatar first":
                await avatar.start(session, ctx.room)
            await session.start(Agent(instructions=""), room=ctx.room, record=True)
            if order == "session first":
                await avatar.start(session, ctx.room)
            await avatar.wait_for_join(timeout=30)
            watched.agent_identity = ctx.room.local_participant.identity
            watched.joined.set()
            await watched.until_told()
            await session.say("one", audio=sweep(seconds=2)).wait_for_playout()
            watched.note_outputs("avatar", session)
            # The viewer's jitter buffer still holds the last of it, and goes with the track.
            await asyncio.to_thread(watched.heard.wait, 60)
            await avatar.aclose()
            await session.say("two", audio=sweep(seconds=1)).wait_for_playout()
            watched.note_outputs("voice", session)
            await session.aclose()
            # The folder goes with the job; without LiveKit Cloud nobody is sent what is in it.
            shutil.copy(ctx.session_directory / "audio.ogg", watched.recording)
            ctx.shutdown("the test is over")
        except BaseException as exc:
            watched.errors.append(exc)
            raise
        finally:
            watched.over.set()

    name, room = fresh_agent_name(), f"room-{uuid.uuid4().hex[:8]}"
    viewer = RecordingViewer()
    try:
        async with agent_server(livekit_server, entrypoint, agent_name=name):
            await viewer.connect(
                url=livekit_server.url, token=room_token(livekit_server, "viewer", room)
            )
            async with microphone_of(viewer):
                await dispatch(livekit_server, agent_name=name, room=room)
                await eventually(
                    lambda: watched.joined.is_set() or watched.over.is_set(), timeout=40
                )
                await viewer.until(lambda: bool(viewer.heard[MOCK].times))
                watched.proceed.set()
                await viewer.until_heard(MOCK, seconds=1.4)
                await viewer.until_silent(MOCK)
                watched.heard.set()
                await eventually(watched.over.is_set)
    finally:
        await viewer.aclose()
    assert watched.errors == []

    assert_whole(read_sweep(viewer.heard[MOCK].samples), seconds=2)
    recorded = agent_channel(watched.recording)
    loud = np.flatnonzero(np.abs(recorded.astype(np.int32)) > 2000)
    [pause] = np.flatnonzero(np.diff(loud) > 0.15 * SAMPLE_RATE)
    # Written where it was heard, so nothing in it is late, twice, or filled up on the way.
    avatars, voices = recorded[: loud[pause] + 1], recorded[loud[pause + 1] :]
    assert_whole(read_sweep(avatars), seconds=2, repeated=0.05)
    assert_whole(read_sweep(voices), seconds=1, repeated=0.05)

    recorder, *_, avatar_end = watched.outputs["avatar"]
    assert (recorder, avatar_end) == ("RecorderAudioOutput", FrontSink.__name__)
    same_recorder, *_, voice_end = watched.outputs["voice"]
    assert same_recorder == recorder
    assert (voice_end == FrontSink.__name__) is (order == "avatar first")
    assert len(watched.outputs["voice"]) == len(watched.outputs["avatar"])
