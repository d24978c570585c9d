from __future__ import annotations

from typing import Any

import pytest
from livekit.agents import AgentSession
from livekit.agents.voice.io import AudioOutput
from livekit.agents.voice.room_io import RoomOptions

from avatar_core.audio.front_sink import FrontSink
from avatar_core.testing.call_stage import CallStage
from avatar_core.testing.speech_sound import sweep
from tests.calls.avatar_in_call import Order, avatar_in

AVATAR = "mock-avatar-agent"
ROOM_EVENTS = (
    "participant_connected",
    "participant_disconnected",
    "participant_active",
    "track_published",
    "track_unpublished",
    "connection_state_changed",
    "disconnected",
)


def chain_of(session: AgentSession[Any]) -> list[AudioOutput]:
    """The outputs from the top down."""
    outputs, output = [], session.output.audio
    while output is not None:
        outputs.append(output)
        output = output.next_in_chain
    return outputs


def listeners(emitter: Any) -> dict[str, int]:
    """How many listen, by event."""
    return {name: len(found) for name, found in emitter._events.items() if found}


def room_listeners(stage: CallStage) -> dict[str, int]:
    """How many listen to the room for what concerns an avatar."""
    found = listeners(stage.room)
    return {name: found.get(name, 0) for name in ROOM_EVENTS}


@pytest.mark.parametrize("text_output", [True, False], ids=["transcription", "no text output"])
async def test_session_first_livekits_chain_is_put_back_as_it_was(
    stage: CallStage, text_output: bool
) -> None:
    await stage.start_agent(room_options=RoomOptions(text_output=text_output))
    session = stage.agent_session
    before = chain_of(session)
    heard_before = [listeners(output) for output in before]
    room_before = room_listeners(stage)
    agent_before = listeners(session)
    async with avatar_in(stage, order="agent runs"):
        assert isinstance(chain_of(session)[-1], FrontSink)
        await session.say("said", audio=sweep(seconds=0.4)).wait_for_playout()
    assert chain_of(session) == before
    assert [listeners(output) for output in before] == heard_before
    assert room_listeners(stage) == room_before
    assert listeners(session) == agent_before


async def test_avatar_first_the_agent_keeps_a_voice_and_nothing_is_left_after_it_closed(
    stage: CallStage,
) -> None:
    room_before = room_listeners(stage)
    async with avatar_in(stage, order="avatar first"):
        pass
    session = stage.agent_session
    await session.say("by the voice", audio=sweep(seconds=0.5)).wait_for_playout()
    await stage.viewer.until_heard("agent", seconds=0.2)
    tracks = stage.room.local_participant.track_publications
    assert len(tracks) == 1
    await session.aclose()
    await stage.viewer.until(lambda: not stage.room.local_participant.track_publications)
    await stage.viewer.until(lambda: room_listeners(stage) == room_before, timeout=5)


@pytest.mark.parametrize("order", ["avatar first", "session first"])
async def test_livekit_may_always_pause_from_before_the_join_to_after_the_end(
    stage: CallStage, order: Order
) -> None:
    session = stage.agent_session

    def can_pause() -> bool:
        return session.output.audio is not None and session.output.audio.can_pause

    async with avatar_in(stage, order=order, wait=False, join_delay=0.3) as avatar:
        assert can_pause()
        await avatar.wait_for_join(timeout=20)
        assert can_pause()
        await avatar.aclose()
        assert can_pause()


async def test_an_output_that_is_switched_off_and_on_again_speaks(stage: CallStage) -> None:
    async with avatar_in(stage):
        session = stage.agent_session
        session.output.set_audio_enabled(False)
        session.output.set_audio_enabled(True)
        await session.say("on again", audio=sweep(seconds=0.5)).wait_for_playout()
        await stage.viewer.until_heard(AVATAR, seconds=0.4)


async def test_closing_twice_and_with_the_agent_gone_leaves_its_chain_alone(
    stage: CallStage,
) -> None:
    async with avatar_in(stage) as avatar:
        await stage.agent_session.aclose()
        assert stage.agent_session.output.audio is None
        await avatar.aclose()
        await avatar.aclose()
        assert stage.agent_session.output.audio is None
