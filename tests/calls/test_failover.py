"""Another avatar takes over from one that was lost, or did not come."""

from __future__ import annotations

import asyncio

import pytest

from avatar_core import AvatarNotJoinedError, AvatarPolicy, AvatarSession, Provider
from avatar_core.testing.call_stage import CallStage
from avatar_core.testing.playback_log import PlaybackLog
from avatar_core.testing.speech_sound import read_sweep, sweep
from tests.calls.avatar_in_call import SMALL_FACE


async def until(stage: CallStage, avatar: AvatarSession, state: str, *, times: int = 1) -> None:
    """Wait until the avatar has been in a state so often."""
    seen = 0
    reached = asyncio.Event()

    def look(event: object) -> None:
        nonlocal seen
        seen += getattr(event, "new_state", event) == state
        if seen >= times:
            reached.set()

    avatar.on("state_changed", look)
    look(avatar.state)
    try:
        await asyncio.wait_for(reached.wait(), 40)
    finally:
        avatar.off("state_changed", look)


async def test_the_next_candidate_joins_where_the_first_never_does(stage: CallStage) -> None:
    avatar = AvatarSession(
        [Provider("mock", never_join=True, **SMALL_FACE), Provider("mock", **SMALL_FACE)],
        policy=AvatarPolicy(join_timeout=1.5),
    )
    async with avatar:
        await stage.start_agent()
        await avatar.start(stage.agent_session, stage.room, **stage.credentials)
        await avatar.wait_for_join(timeout=30)
        assert avatar.avatar_identity == "mock-avatar-agent-2"
        handle = stage.agent_session.say("by the second", audio=sweep(seconds=1.0))
        await asyncio.wait_for(handle.wait_for_playout(), 15)
        assert stage.viewer.heard[avatar.avatar_identity].loud_seconds() > 0.5
        late, joined = avatar.attempts
        assert isinstance(late.error, AvatarNotJoinedError)
        assert late.duration >= 1.5
        assert joined.error is None
    assert await stage.identities() == ["agent", "viewer"]


@pytest.mark.parametrize("others", [True, False], ids=["another candidate", "the same again"])
async def test_a_lost_avatar_is_replaced_at_the_next_sentence(
    stage: CallStage, others: bool
) -> None:
    lost = Provider("mock", crash_after=2.0, **SMALL_FACE)
    candidates = [lost, Provider("mock", **SMALL_FACE)] if others else [lost]
    async with AvatarSession(candidates) as avatar:
        await stage.start_agent()
        await avatar.start(stage.agent_session, stage.room, **stage.credentials)
        await avatar.wait_for_join(timeout=20)
        log = PlaybackLog(stage.agent_session.output.audio)
        first = stage.agent_session.say("a long sentence", audio=sweep(seconds=6))
        await until(stage, avatar, "voice_only")
        await asyncio.wait_for(first.wait_for_playout(), 20)
        await avatar.wait_for_join(timeout=30)
        second_identity = avatar.avatar_identity
        assert second_identity.startswith("mock-avatar-agent-")  # each start has its own
        second = stage.agent_session.say("again with a face", audio=sweep(seconds=0.8))
        await asyncio.wait_for(second.wait_for_playout(), 15)
        heard = stage.viewer.heard
        assert heard[second_identity].loud_seconds() > 0.4
        both = read_sweep(heard["mock-avatar-agent"].samples, heard["agent"].samples)
        assert both.last > 5.8
        assert both.missing < 0.4
        assert [event.interrupted for event in log.finished] == [False, False]
        assert "mock-avatar-agent" not in await stage.identities()
    assert await stage.identities() == ["agent", "viewer"]
