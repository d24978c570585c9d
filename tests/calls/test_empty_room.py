"""An avatar costs by the minute: not for an empty room, where the policy says so."""

from __future__ import annotations

import asyncio

from livekit.agents.voice.room_io import RoomOptions

from avatar_core import AvatarPolicy, AvatarSession, AvatarStateChangedEvent
from avatar_core.testing.call_stage import CallStage
from avatar_core.testing.speech_sound import sweep
from avatar_core.testing.viewer import RecordingViewer
from tests.calls.avatar_in_call import SMALL_FACE

# LiveKit closes the AgentSession when the person it is linked to goes, unless it is told not to.
STAYS = RoomOptions(close_on_disconnect=False)
POLICY = AvatarPolicy(when_room_empty="end", empty_grace=0.5)


async def until_state(stage: CallStage, avatar: AvatarSession, state: str) -> None:
    reached = asyncio.Event()

    def look(event: AvatarStateChangedEvent) -> None:
        if event.new_state == state:
            reached.set()

    avatar.on("state_changed", look)
    if avatar.state != state:
        await asyncio.wait_for(reached.wait(), 20)


async def seen(stage: CallStage) -> None:
    """Wait until the guest sees the avatar and the agent knows of the guest, which takes 3 s."""
    await stage.viewer.until_seen("mock-avatar-agent", pictures=1)
    await stage.viewer.until(lambda: "viewer" in stage.room.remote_participants)


async def test_the_avatar_goes_with_the_last_guest_and_comes_back_with_the_next(
    stage: CallStage,
) -> None:
    await stage.start_agent(room_options=STAYS)
    async with AvatarSession("mock", policy=POLICY, **SMALL_FACE) as avatar:
        await avatar.start(stage.agent_session, stage.room, **stage.credentials)
        await avatar.wait_for_join(timeout=20)
        await seen(stage)
        await stage.viewer.room.disconnect()
        await until_state(stage, avatar, "voice_only")
        assert len(avatar.attempts) == 1

        guest = RecordingViewer()
        await guest.connect(url=stage.server.url, token=stage.token("guest"))
        try:
            await avatar.wait_for_join(timeout=30)
            again = avatar.avatar_identity
            assert again == "mock-avatar-agent-2"
            assert "mock-avatar-agent" not in await stage.identities()
            await guest.until(lambda: bool(guest.heard[again].times))
            said = stage.agent_session.say("welcome", audio=sweep(seconds=0.6))
            await asyncio.wait_for(said.wait_for_playout(), 15)
            await guest.until_heard(again, seconds=0.3)
        finally:
            await guest.aclose()
    assert await stage.identities() == ["agent"]


async def test_a_guest_who_reloads_the_page_keeps_the_avatar(stage: CallStage) -> None:
    await stage.start_agent(room_options=STAYS)
    policy = POLICY.model_copy(update={"empty_grace": 60.0})
    async with AvatarSession("mock", policy=policy, **SMALL_FACE) as avatar:
        await avatar.start(stage.agent_session, stage.room, **stage.credentials)
        await avatar.wait_for_join(timeout=20)
        await seen(stage)
        await stage.viewer.room.disconnect()
        guest = RecordingViewer()
        await guest.connect(url=stage.server.url, token=stage.token("viewer"))
        try:
            await guest.until_seen("mock-avatar-agent", pictures=1)
            assert (avatar.state, len(avatar.attempts)) == ("live", 1)
        finally:
            await guest.aclose()


async def test_nobody_is_started_for_an_empty_room_in_place_of_a_lost_one(
    stage: CallStage,
) -> None:
    await stage.start_agent(room_options=STAYS)
    async with AvatarSession("mock", leave_after=6.0, **SMALL_FACE) as avatar:
        await avatar.start(stage.agent_session, stage.room, **stage.credentials)
        await avatar.wait_for_join(timeout=20)
        await seen(stage)
        await stage.viewer.room.disconnect()
        await until_state(stage, avatar, "voice_only")
        # rejoin_grace is 5 s, the first pause at most 0.7: by then another would have been started.
        gone = asyncio.Event()
        asyncio.get_running_loop().call_later(8.0, gone.set)
        await gone.wait()
        assert len(avatar.attempts) == 1
