"""A session with a limit is followed by another before it is reached."""

from __future__ import annotations

import asyncio

import pytest

from avatar_core import AvatarPolicy
from avatar_core.livekit_server import LiveKitServer
from avatar_core.testing.call_stage import tone

from .calling_stage import eventually, protoface_stage


@pytest.mark.parametrize("speaking", [False, True], ids=["silent", "in a long sentence"])
async def test_the_successor_has_the_word_before_the_session_is_over(
    livekit_server: LiveKitServer, speaking: bool
) -> None:
    async with protoface_stage(livekit_server) as stage:
        avatar = stage.avatar(max_duration_seconds=10, policy=AvatarPolicy(renew=True))
        await stage.call.start_agent()
        await stage.start(avatar)
        states: list[str] = []
        avatar.on("state_changed", lambda event: states.append(event.new_state))
        await avatar.wait_for_join(timeout=20)
        stage.watch_playback()
        said = None
        if speaking:
            said = stage.call.agent_session.say("a long sentence", audio=tone(seconds=14))
        await eventually(lambda: avatar.avatar_identity == f"{stage.identity}-2", timeout=30)
        first, second = stage.emulator.sessions
        assert not second.over
        await eventually(lambda: first.over)
        assert first.status == "ended"
        assert states == ["live"], "nobody was without a face"
        if said is not None:
            await asyncio.wait_for(said.wait_for_playout(), 30)
            assert [event.interrupted for event in stage.finished] == [False]
            assert stage.finished[0].playback_position == pytest.approx(14, abs=0.1)
            assert stage.call.viewer.heard["agent"].loud_seconds() == 0
        await avatar.aclose()
        await stage.until_all_over()


async def test_a_renewal_that_is_refused_leaves_the_session_to_its_end(
    livekit_server: LiveKitServer,
) -> None:
    async with protoface_stage(livekit_server, plan="free") as stage:  # one session at a time
        policy = AvatarPolicy(renew=True, max_session_seconds=8)
        avatar = stage.avatar(policy=policy)
        await stage.call.start_agent()
        await stage.start(avatar)
        await avatar.wait_for_join(timeout=20)
        await eventually(lambda: len(avatar.attempts) > 1, timeout=30)
        assert avatar.state == "live"
        assert avatar.avatar_identity == stage.identity
        await avatar.aclose()
        await stage.until_all_over()
