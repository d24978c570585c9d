"""LiveKit's BackgroundAudioPlayer beside an avatar, whichever of them comes first."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Sequence

import numpy as np
import pytest
from livekit.agents import AudioConfig, BackgroundAudioPlayer

from avatar_core import AvatarSession
from avatar_core.testing.call_footprint import footprint, nothing_left_behind
from avatar_core.testing.call_stage import CallStage, tone
from avatar_core.testing.speech_sound import assert_whole, read_sweep, sweep
from avatar_core.testing.viewer import SAMPLE_RATE
from tests.calls.avatar_in_call import SMALL_FACE

AVATAR = "mock-avatar-agent"
MUSIC_HZ = 2000.0
VOICE_HZ = 500.0
TRACK_NAME = "background_audio"

ORDERS = list(itertools.permutations(("agent", "avatar", "player")))


def heard_at(stage: CallStage, hz: float, *, since: float) -> float:
    """Seconds of sound of one pitch from the agent itself, which may have several tracks."""
    heard = stage.viewer.heard["agent"]
    bins = SAMPLE_RATE / 240
    return sum(
        0.01
        for chunk, at in zip(heard.chunks, heard.times, strict=True)
        if at >= since
        and np.abs(chunk.astype(np.int32)).max() > 1000
        and abs(int(np.abs(np.fft.rfft(chunk)).argmax()) * bins - hz) < 2 * bins
    )


async def until_heard_at(stage: CallStage, hz: float, *, since: float, seconds: float) -> None:
    await stage.viewer.until(lambda: heard_at(stage, hz, since=since) >= seconds)


def published(stage: CallStage) -> list[str]:
    tracks = stage.room.local_participant.track_publications.values()
    return [publication.name for publication in tracks]


@pytest.mark.parametrize("order", ORDERS, ids=" then ".join)
async def test_background_sound_and_speech_are_heard_in_every_order_of_starting(
    stage: CallStage, order: Sequence[str]
) -> None:
    before = footprint(stage)
    avatar = AvatarSession("mock", **SMALL_FACE)
    player = BackgroundAudioPlayer(
        ambient_sound=AudioConfig(tone(seconds=60, hz=MUSIC_HZ, sample_rate=48000, level=4000))
    )
    start = {
        "agent": lambda: stage.start_agent(),
        "avatar": lambda: avatar.start(stage.agent_session, stage.room, **stage.credentials),
        "player": lambda: player.start(room=stage.room, agent_session=stage.agent_session),
    }
    try:
        for part in order:
            await start[part]()
        await avatar.wait_for_join(timeout=20)
        await stage.viewer.until(lambda: bool(stage.viewer.heard[AVATAR].times))
        await until_heard_at(stage, MUSIC_HZ, since=0.0, seconds=0.3)

        began = time.monotonic()
        handle = stage.agent_session.say("over music", audio=sweep(seconds=1.5))
        await asyncio.wait_for(handle.wait_for_playout(), 10)
        await stage.viewer.until_silent(AVATAR)
        assert_whole(read_sweep(stage.viewer.heard[AVATAR].samples), seconds=1.5)
        assert heard_at(stage, MUSIC_HZ, since=began) > 1, "the music went on"
        assert heard_at(stage, VOICE_HZ, since=began) < 0.1, "the agent's own voice was silent"

        await avatar.aclose()
        closed = time.monotonic()
        handle = stage.agent_session.say("on its own", audio=tone(seconds=1.0, hz=VOICE_HZ))
        await asyncio.wait_for(handle.wait_for_playout(), 10)
        await until_heard_at(stage, VOICE_HZ, since=closed, seconds=0.7)
        await until_heard_at(stage, MUSIC_HZ, since=closed, seconds=0.7)
    finally:
        await avatar.aclose()
        await player.aclose()

    assert TRACK_NAME not in published(stage)
    await stage.agent_session.aclose()
    await nothing_left_behind(stage, before)
    # LiveKit leaves its own track in the room until the agent goes (livekit-agents 1.8.9).
    assert set(published(stage)) <= {"roomio_audio"}
