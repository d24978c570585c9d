from __future__ import annotations

import asyncio
import gc
import threading
import time
import weakref
from contextlib import AsyncExitStack
from typing import Any

import numpy as np
import psutil
from livekit import api, rtc

from avatar_core import AvatarSession
from avatar_core.audio.playback_rpc import PlaybackDispatcher
from avatar_core.livekit_server import LiveKitServer
from avatar_core.testing.call_footprint import footprint, nothing_left_behind
from avatar_core.testing.call_stage import CallStage, open_call_stage, tone
from avatar_core.testing.viewer import SAMPLE_RATE, RecordingViewer
from avatar_provider_mock.plugin import mock_sessions
from tests.calls.avatar_in_call import SMALL_FACE
from tests.session.scripted_provider import eventually

MOCK = "mock-avatar-agent"
CALLS = 20
WARM_UP = 8
GROWTH_A_CALL = 1.5e6
"""Bytes a call may leave in the process. A leaked face, room or call is several times as much;
allocators and rtc's own native side leave some hundred kilobytes (measured)."""


FACE = {**SMALL_FACE, "fps": 2}
"""Faces and viewers share two cores: what is about calls should not pay for it."""

AT_ONCE = 5
"""Each with agent, avatar and viewer in this one process; a job's process has one agent."""


class AvatarListener(RecordingViewer):
    """Receives the avatar's sound and nothing else: viewers of everything starve a core."""

    async def connect(self, *, url: str, token: str) -> None:
        self.room.on("track_published", self._published)
        await self.room.connect(url, token, rtc.RoomOptions(auto_subscribe=False))

    def _published(
        self, publication: rtc.RemoteTrackPublication, participant: rtc.RemoteParticipant
    ) -> None:
        if participant.identity == MOCK and publication.kind == rtc.TrackKind.KIND_AUDIO:
            publication.set_subscribed(True)


async def one_call(
    stage: CallStage, *, seconds: float = 0.3, hz: float = 330, alone: bool = True
) -> weakref.ref[Any]:
    await stage.start_agent()
    before = footprint(stage)
    avatar = AvatarSession("mock", **FACE)
    await avatar.start(stage.agent_session, stage.room, **stage.credentials)
    await avatar.wait_for_join(timeout=30)
    await stage.viewer.until(lambda: bool(stage.viewer.heard[MOCK].times), timeout=30)
    speech = stage.agent_session.say("hello", audio=tone(seconds=seconds, hz=hz))
    await asyncio.wait_for(speech.wait_for_playout(), 60)
    await stage.viewer.until_heard(MOCK, seconds=0.1)
    await avatar.aclose()
    await nothing_left_behind(stage, before, alone=alone)
    assert await stage.identities() == sorted(["viewer", stage.agent_identity])
    return weakref.ref(avatar)


async def left_at_the_server(server: LiveKitServer) -> list[str]:
    async with server.api() as client:
        rooms = (await client.room.list_rooms(api.ListRoomsRequest())).rooms
        left = []
        for room in rooms:
            answer = await client.room.list_participants(
                api.ListParticipantsRequest(room=room.name)
            )
            left += [participant.identity for participant in answer.participants]
    return left


async def test_calls_one_after_another_leave_nothing_behind(livekit_server: LiveKitServer) -> None:
    process = psutil.Process()
    tasks = asyncio.all_tasks()
    avatars: list[weakref.ref[Any]] = []
    threads = warm = 0
    for number in range(CALLS):
        async with open_call_stage(livekit_server) as stage:
            avatars.append(await one_call(stage))
        if number + 1 == WARM_UP:
            gc.collect()
            warm, threads = process.memory_info().rss, threading.active_count()
    del stage

    await eventually(lambda: asyncio.all_tasks() == tasks)
    deadline = time.monotonic() + 10
    while left := await left_at_the_server(livekit_server):
        assert time.monotonic() < deadline, left
        await asyncio.sleep(0.05)
    gc.collect()
    assert [ref for ref in avatars if ref() is not None] == []
    assert mock_sessions().listed() == []
    assert threading.active_count() <= threads
    assert [p for p in PlaybackDispatcher._of_participant.values() if p._listeners] == []
    grown = process.memory_info().rss - warm
    assert grown < GROWTH_A_CALL * (CALLS - WARM_UP), f"{grown / 1e6:.1f} MB"


async def test_calls_at_once_with_one_avatar_identity_do_not_meet(
    livekit_server: LiveKitServer,
) -> None:
    async def call(stage: CallStage, hz: float) -> None:
        await one_call(stage, seconds=1.0, hz=hz, alone=False)
        samples = stage.viewer.heard[MOCK].samples
        loudest = int(np.abs(np.fft.rfft(samples)).argmax()) / len(samples) * SAMPLE_RATE
        assert abs(loudest - hz) <= 10, "another call's sentence was heard"

    tasks = asyncio.all_tasks()
    async with AsyncExitStack() as stack:
        # One after another: connecting, all at once starve a small machine.
        stages = [
            await stack.enter_async_context(
                open_call_stage(livekit_server, viewer=AvatarListener())
            )
            for _ in range(AT_ONCE)
        ]
        outcomes = await asyncio.gather(
            *(call(stage, 300.0 + 100 * n) for n, stage in enumerate(stages)),
            return_exceptions=True,
        )
    assert outcomes == [None] * AT_ONCE
    del stages, stack
    await eventually(lambda: asyncio.all_tasks() == tasks)
    gc.collect()
    assert mock_sessions().listed() == []
