"""A session that Protoface ends for silence or for its age is no loss: the next sentence has it."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from avatar_core.livekit_server import LiveKitServer
from avatar_core.testing.call_stage import tone

from .calling_stage import eventually, protoface_stage


@pytest.mark.parametrize(
    "limit",
    [{"idle_timeout_seconds": 3}, {"max_duration_seconds": 6}],
    ids=["nothing was said", "as old as it may be"],
)
async def test_the_next_sentence_brings_the_avatar_back(
    livekit_server: LiveKitServer, limit: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="avatar_core")
    async with protoface_stage(livekit_server) as stage:
        avatar = stage.avatar(**limit)
        await stage.call.start_agent()
        await stage.start(avatar)
        await stage.call.viewer.until_seen(stage.identity, pictures=1)
        stage.watch_playback()
        session = stage.call.agent_session
        said = session.say("hello", audio=tone(seconds=0.5))
        await asyncio.wait_for(said.wait_for_playout(), 20)

        await eventually(lambda: avatar.state == "voice_only", timeout=30)
        await eventually(lambda: stage.emulator.sessions[0].over)
        assert len(stage.emulator.sessions) == 1, "nothing is said, so nobody is needed"
        assert stage.emulator.sessions[0].status == "ended"
        ours = [each for each in caplog.records if each.name.startswith("avatar_")]
        assert not [each for each in ours if each.levelno >= logging.ERROR]

        said = session.say("by the voice", audio=tone(seconds=1.0))
        await avatar.wait_for_join(timeout=30)
        await asyncio.wait_for(said.wait_for_playout(), 20)
        assert stage.call.viewer.heard["agent"].loud_seconds() > 0.7
        assert len(stage.emulator.sessions) == 2
        again = avatar.avatar_identity
        assert again == f"{stage.identity}-2"
        said = session.say("with its face", audio=tone(seconds=0.5))
        await asyncio.wait_for(said.wait_for_playout(), 20)
        await stage.call.viewer.until_heard(again, seconds=0.3)
        assert [event.interrupted for event in stage.finished] == [False] * 3
        await avatar.aclose()
        await stage.until_all_over()
