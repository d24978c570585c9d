"""A caller who says nothing for minutes, or to whom nothing is said, keeps the face."""

from __future__ import annotations

import asyncio

from avatar_core.livekit_server import LiveKitServer
from avatar_core.testing.call_stage import tone
from avatar_provider_protoface.emulator.clock import ManualClock

from .calling_stage import eventually, protoface_stage

MINUTES = 5


async def test_five_minutes_of_silence_keep_the_face(livekit_server: LiveKitServer) -> None:
    clock = ManualClock()
    async with protoface_stage(livekit_server, clock=clock) as stage:
        avatar = stage.avatar()
        await stage.call.start_agent()
        await stage.start(avatar)
        clock.advance(0.1)  # for the worker to be claimed
        viewer = stage.call.viewer
        await viewer.until_seen(stage.identity, pictures=1)
        stage.watch_playback()
        session = stage.call.agent_session
        said = session.say("hello", audio=tone(seconds=0.5))
        await asyncio.wait_for(said.wait_for_playout(), 20)

        for _ in range(MINUTES * 2):
            clock.advance(30)
            # Time for the emulator to do whatever it would have done then.
            await viewer.until_seen(
                stage.identity, pictures=len(viewer.seen[stage.identity].times) + 3
            )
        assert not stage.session.over
        assert avatar.state == "live"
        said = session.say("still there?", audio=tone(seconds=0.5))
        await asyncio.wait_for(said.wait_for_playout(), 20)
        assert viewer.heard[stage.identity].loud_seconds() > 0.8
        assert viewer.heard["agent"].loud_seconds() == 0
        assert [event.interrupted for event in stage.finished] == [False, False]

        # Not for ever: nobody pays for a face that has been forgotten.
        clock.advance(600)
        await eventually(lambda: stage.session.over)
        await eventually(lambda: avatar.state == "voice_only")
        await avatar.aclose()
