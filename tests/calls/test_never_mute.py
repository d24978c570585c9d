"""Whatever happens to the avatar in mid-sentence, the sentence is heard to its end."""

from __future__ import annotations

import asyncio
import signal
from typing import Any

import pytest

from avatar_core import AvatarPolicy, AvatarSession
from avatar_core.testing.call_stage import CallStage
from avatar_core.testing.playback_log import PlaybackLog
from avatar_core.testing.speech_sound import read_sweep, sweep
from tests.calls.avatar_in_call import SMALL_FACE
from tests.calls.mock_processes import worker_processes

FIRST = "mock-avatar-agent"
SECOND = "mock-avatar-agent-2"

SILENCE = 2.0
"""Seconds between the avatar's last sound and the voice's first at a listener, where the machine
may be busy; docs/reliability.md says how long it is on one that is not."""


def kill() -> None:
    """Let the avatar's process die without a word."""
    (process,) = worker_processes()
    process.send_signal(signal.SIGKILL)


def stop() -> None:
    """Let it stand still for good."""
    (process,) = worker_processes()
    process.send_signal(signal.SIGSTOP)


FAULTS: dict[str, dict[str, Any]] = {
    "killed": {"worker": "process"},
    "stopped": {"worker": "process"},
    "frozen": {"freeze_after": 4.0},
    "deaf": {"deaf_after": 4.0},
    "leaves": {"leave_after": 4.0},
    "crashes": {"crash_after": 4.0},
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_the_sentence_goes_on_by_voice_when_the_avatar_is(
    stage: CallStage, fault: str
) -> None:
    await stage.start_agent()
    policy = AvatarPolicy(max_recoveries=0)
    async with AvatarSession("mock", policy=policy, **SMALL_FACE, **FAULTS[fault]) as avatar:
        await avatar.start(stage.agent_session, stage.room, **stage.credentials)
        await avatar.wait_for_join(timeout=20)
        await stage.viewer.until(lambda: bool(stage.viewer.heard[FIRST].times))
        log = PlaybackLog(stage.agent_session.output.audio)
        handle = stage.agent_session.say("a long sentence", audio=sweep(seconds=10))
        await stage.viewer.until_heard(FIRST, seconds=1.5)
        if fault == "killed":
            kill()
        elif fault == "stopped":
            stop()
        await asyncio.wait_for(handle.wait_for_playout(), 30)
        await stage.viewer.until_silent("agent")
        assert avatar.state == "voice_only"

        heard = stage.viewer.heard
        first_by_voice = heard["agent"].loud_times()[0]
        last_by_avatar = heard[FIRST].loud_times()[-1]
        assert first_by_voice - last_by_avatar < SILENCE
        both = read_sweep(heard[FIRST].samples, heard["agent"].samples)
        assert both.first < 0.16
        assert both.last > 9.8
        assert both.missing < 0.6
        assert both.repeated < 0.8
        assert len(log.started) == len(log.finished) == 1
        assert not log.finished[0].interrupted
        assert log.finished[0].playback_position == pytest.approx(10, abs=0.01)
        # Front ends prefer the tracks of one who publishes on behalf of the agent, alive or dead.
        await stage.viewer.until(lambda: FIRST not in stage.viewer.room.remote_participants)


async def test_a_dead_avatar_holds_no_interruption_up_and_is_replaced(stage: CallStage) -> None:
    await stage.start_agent()
    async with AvatarSession("mock", worker="process", **SMALL_FACE) as avatar:
        await avatar.start(stage.agent_session, stage.room, **stage.credentials)
        await avatar.wait_for_join(timeout=20)
        await stage.viewer.until(lambda: bool(stage.viewer.heard[FIRST].times))
        log = PlaybackLog(stage.agent_session.output.audio)
        handle = stage.agent_session.say("a long sentence", audio=sweep(seconds=20))
        await stage.viewer.until_heard(FIRST, seconds=1.0)
        kill()
        await asyncio.wait_for(stage.agent_session.interrupt(), 5)
        await asyncio.wait_for(handle.wait_for_playout(), 5)
        assert log.finished[0].interrupted
        assert 0.8 < log.finished[0].playback_position < 4.0

        again = stage.agent_session.say("and on", audio=sweep(seconds=6))
        await asyncio.wait_for(again.wait_for_playout(), 30)
        await avatar.wait_for_join(timeout=30)
        assert avatar.avatar_identity == SECOND
        await stage.viewer.until_seen(SECOND, pictures=1)
    assert await stage.identities() == ["agent", "viewer"]
    assert worker_processes() == []


async def test_an_avatar_that_dies_while_it_is_silent_does_not_swallow_the_next_sentence(
    stage: CallStage,
) -> None:
    await stage.start_agent()
    policy = AvatarPolicy(max_recoveries=0)
    async with AvatarSession("mock", worker="process", policy=policy, **SMALL_FACE) as avatar:
        await avatar.start(stage.agent_session, stage.room, **stage.credentials)
        await avatar.wait_for_join(timeout=20)
        await stage.viewer.until(lambda: bool(stage.viewer.heard[FIRST].times))
        kill()
        handle = stage.agent_session.say("at once", audio=sweep(seconds=3))
        await asyncio.wait_for(handle.wait_for_playout(), 20)
        await stage.viewer.until_silent("agent")
        by_voice = read_sweep(stage.viewer.heard["agent"].samples)
        assert by_voice.first < 0.16
        assert by_voice.last > 2.8
        assert by_voice.missing < 0.3


async def test_an_avatar_that_stops_reporting_what_it_plays_is_lost(stage: CallStage) -> None:
    await stage.start_agent()
    policy = AvatarPolicy(max_recoveries=0)
    async with AvatarSession("mock", policy=policy, **SMALL_FACE) as avatar:
        await avatar.start(stage.agent_session, stage.room, **stage.credentials)
        await avatar.wait_for_join(timeout=20)
        log = PlaybackLog(stage.agent_session.output.audio)
        said = stage.agent_session.say("reported", audio=sweep(seconds=0.6))
        await asyncio.wait_for(said.wait_for_playout(), 15)
        stage.room.local_participant.unregister_rpc_method("lk.playback_finished")
        said = stage.agent_session.say("not reported", audio=sweep(seconds=0.6))
        await asyncio.wait_for(said.wait_for_playout(), 15)
        assert [event.interrupted for event in log.finished] == [False, False]
        assert avatar.state == "voice_only"
        said = stage.agent_session.say("by voice", audio=sweep(seconds=0.6))
        await asyncio.wait_for(said.wait_for_playout(), 15)
        await stage.viewer.until_heard("agent", seconds=0.4)


async def test_a_short_sentence_that_a_deaf_avatar_never_began_is_said_by_voice(
    stage: CallStage,
) -> None:
    await stage.start_agent()
    policy = AvatarPolicy(max_recoveries=0)
    deaf_after = 8.0
    async with AvatarSession("mock", policy=policy, deaf_after=deaf_after, **SMALL_FACE) as avatar:
        await avatar.start(stage.agent_session, stage.room, **stage.credentials)
        await avatar.wait_for_join(timeout=20)
        deaf = asyncio.create_task(asyncio.sleep(deaf_after))
        said = stage.agent_session.say("by avatar", audio=sweep(seconds=0.6))
        await asyncio.wait_for(said.wait_for_playout(), 15)
        await deaf
        log = PlaybackLog(stage.agent_session.output.audio)
        said = stage.agent_session.say("by voice", audio=sweep(seconds=0.8))
        await asyncio.wait_for(said.wait_for_playout(), 20)
        await stage.viewer.until_silent("agent")
        by_voice = read_sweep(stage.viewer.heard["agent"].samples)
        assert (by_voice.first, by_voice.last) == pytest.approx((0.05, 0.75), abs=0.15)
        assert [event.interrupted for event in log.finished] == [False]
        assert avatar.state == "voice_only"
