from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator

import pytest
from livekit import api, rtc

from avatar_core.audio.voice_track import TRACK_NAME, VoiceTrack
from avatar_core.livekit_server import LiveKitServer
from avatar_core.testing.call_stage import CallStage, open_call_stage


@pytest.fixture
async def stage(livekit_server: LiveKitServer) -> AsyncIterator[CallStage]:
    async with open_call_stage(livekit_server) as opened:
        yield opened


async def cancelled_while_it_publishes(track: VoiceTrack) -> None:
    """Ask for the track, and give up when the room has been asked for it."""
    asking = asyncio.ensure_future(track.ready())
    for _ in range(4):
        await asyncio.sleep(0)
    assert not asking.done()
    asking.cancel()
    await asyncio.wait([asking])


async def voices(stage: CallStage) -> int:
    """Count the agent's voice tracks in the room, those included that were still on their way."""
    name = f"marker-{uuid.uuid4().hex[:8]}"
    source = rtc.AudioSource(24000, 1)
    marker = rtc.LocalAudioTrack.create_audio_track(name, source)
    await stage.room.local_participant.publish_track(marker, rtc.TrackPublishOptions())
    names: list[str] = []
    async with stage.server.api() as server:
        while name not in names:
            agent = await server.room.get_participant(
                api.RoomParticipantIdentity(room=stage.room_name, identity=stage.agent_identity)
            )
            names = [track.name for track in agent.tracks]
    await source.aclose()
    return names.count(TRACK_NAME)


async def test_asked_for_again_while_it_is_published_there_is_one_track(stage: CallStage) -> None:
    track = VoiceTrack(room=stage.room)
    await cancelled_while_it_publishes(track)
    assert await voices(stage) == 1, "cancelled, the SDK publishes on"
    await asyncio.wait_for(track.ready(), 10)
    assert await voices(stage) == 1
    await track.aclose()


async def test_closed_while_it_is_published_there_is_no_track(stage: CallStage) -> None:
    track = VoiceTrack(room=stage.room)
    await cancelled_while_it_publishes(track)
    await asyncio.wait_for(track.aclose(), 10)
    assert await voices(stage) == 0


async def test_with_nobody_to_listen_no_task_is_left_waiting(
    stage: CallStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("avatar_core.audio.voice_track.SUBSCRIBER_WAIT", 0.2)
    await stage.viewer.aclose()
    before = asyncio.all_tasks()
    track = VoiceTrack(room=stage.room)
    await asyncio.wait_for(track.ready(), 10)
    await asyncio.sleep(0)  # for a task to end that was cancelled
    # By name: the room has tasks of its own, and the viewer who left may have begun one.
    waiting = {task.get_coro().__qualname__ for task in asyncio.all_tasks() - before}  # type: ignore[union-attr]
    assert "LocalTrackPublication.wait_for_subscription" not in waiting
    await track.aclose()
