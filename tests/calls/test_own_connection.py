"""The agent's own connection is cut or made anew: the avatar stays, and no word is lost."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from livekit import rtc

from avatar_core import AvatarPolicy, AvatarSession
from avatar_core.livekit_server import LiveKitServer
from avatar_core.testing.call_stage import CallStage
from avatar_core.testing.own_network import own_network_test
from avatar_core.testing.playback_log import PlaybackLog
from avatar_core.testing.speech_sound import assert_whole, read_sweep, since, sweep
from tests.calls.agent_in_own_process import MOCK, PROTOFACE, AgentCall, agent_call
from tests.calls.avatar_in_call import SMALL_FACE
from tests.calls.mock_processes import worker_processes

CUT = 5.0
FIRST = "mock-avatar-agent"
SECOND = "mock-avatar-agent-2"


async def _stays_over_cuts(
    call: AgentCall, candidate: dict[str, Any], *cuts: tuple[float, float]
) -> None:
    """Cut the agent off in sentences of so many seconds, so far in; the listener misses nothing."""
    avatar = await call.start(candidate)
    await call.say(1).finished()  # from here on it is known that this avatar reports
    for seconds, cut_after in cuts:
        said = call.say(seconds)
        await call.viewer.until_heard(avatar, seconds=cut_after, since=said.begun_at)
        async with call.cut_off():
            await asyncio.sleep(CUT)
        await said.finished()
        assert_whole(said.heard(avatar), seconds=seconds)
    after = call.say(2)
    await after.finished()
    assert_whole(after.heard(avatar), seconds=2)
    assert call.states == ["starting", "joining", "live"]


@own_network_test
async def test_sentences_are_completed_by_the_same_avatar_over_cuts_of_five_seconds(
    livekit_server: LiveKitServer,
) -> None:
    async with agent_call(livekit_server) as call:
        # The second ends during the cut: its report comes late, and that is no loss.
        await _stays_over_cuts(call, MOCK, (8, 2.5), (3, 2))
        assert len(call.agent.workers()) == 1


@own_network_test
async def test_a_cut_of_five_seconds_costs_no_session_at_the_vendor(
    livekit_server: LiveKitServer,
) -> None:
    async with agent_call(livekit_server) as call:
        await _stays_over_cuts(call, PROTOFACE, (8, 2.5))
        assert len(call.emulator.sessions) == 1


@own_network_test
async def test_an_avatar_that_dies_during_the_cut_is_replaced_after_it_and_nothing_is_lost(
    livekit_server: LiveKitServer,
) -> None:
    async with agent_call(livekit_server) as call:
        await call.start(MOCK)
        await call.say(1).finished()
        said = call.say(8)
        await call.viewer.until_heard(FIRST, seconds=2.5, since=said.begun_at)
        async with call.cut_off():
            await asyncio.sleep(CUT / 2)
            (worker,) = call.agent.workers()
            worker.kill()
            await asyncio.sleep(CUT / 2)
        await said.finished()
        # The agent has not heard what was said during the cut, so some of it is said again.
        assert_whole(said.heard(FIRST, "agent"), seconds=8, repeated=CUT)
        assert "voice_only" in call.states
        await call.agent.until("state", within=30, state="live", identity=SECOND)


SCENARIOS = {
    "resumed": rtc.SimulateScenarioKind.SIMULATE_SIGNAL_RECONNECT,
    "made anew": rtc.SimulateScenarioKind.SIMULATE_FULL_RECONNECT,
    "moved to another node": rtc.SimulateScenarioKind.SIMULATE_MIGRATION,
}


@pytest.mark.parametrize("scenario", SCENARIOS)
async def test_a_sentence_is_completed_by_the_same_avatar_when_the_connection_is(
    stage: CallStage, scenario: str
) -> None:
    await stage.start_agent()
    async with AvatarSession("mock", worker="process", **SMALL_FACE) as avatar:
        states: list[str] = []
        avatar.on("state_changed", lambda event: states.append(event.new_state))
        await avatar.start(stage.agent_session, stage.room, **stage.credentials)
        await avatar.wait_for_join(timeout=20)
        await stage.viewer.until(lambda: bool(stage.viewer.heard[FIRST].times))
        log = PlaybackLog(stage.agent_session.output.audio)
        connections: list[int] = []
        stage.room.on("connection_state_changed", connections.append)
        for _ in range(2):  # and it can happen again
            begun = asyncio.get_running_loop().time()
            handle = stage.agent_session.say("a sentence", audio=sweep(seconds=6))
            await stage.viewer.until_heard(FIRST, seconds=1.5, since=begun)
            await stage.room.simulate_scenario(SCENARIOS[scenario])
            await asyncio.wait_for(handle.wait_for_playout(), 30)
            await stage.viewer.until_silent(FIRST)
            heard = read_sweep(since(stage.viewer.heard[FIRST], begun))
            assert_whole(heard, seconds=6, repeated=0.5)
        assert connections[-1] == rtc.ConnectionState.CONN_CONNECTED
        assert len(log.started) == len(log.finished) == 2
        assert [event.interrupted for event in log.finished] == [False, False]
        assert [event.playback_position for event in log.finished] == pytest.approx(
            [6, 6], abs=0.01
        )
        assert states == ["starting", "joining", "live"]
        assert len(avatar.attempts) == 1
        agent = stage.viewer.room.remote_participants["agent"]
        await stage.viewer.until(lambda: agent.attributes.get("avatar.identity") == FIRST)


async def test_a_report_that_is_lost_with_the_connection_is_not_held_against_the_avatar(
    stage: CallStage,
) -> None:
    await stage.start_agent()
    async with AvatarSession("mock", worker="process", **SMALL_FACE) as avatar:
        await avatar.start(stage.agent_session, stage.room, **stage.credentials)
        await avatar.wait_for_join(timeout=20)
        log = PlaybackLog(stage.agent_session.output.audio)
        said = stage.agent_session.say("reported", audio=sweep(seconds=0.6))
        await asyncio.wait_for(said.wait_for_playout(), 15)
        begun = asyncio.get_running_loop().time()
        said = stage.agent_session.say("not reported", audio=sweep(seconds=3))
        # All of it has been sent by then.
        await stage.viewer.until_heard(FIRST, seconds=2, since=begun)
        stage.room.local_participant.unregister_rpc_method("lk.playback_finished")
        await stage.room.simulate_scenario(SCENARIOS["made anew"])
        await asyncio.wait_for(said.wait_for_playout(), 20)
        assert [event.interrupted for event in log.finished] == [False, False]
        assert log.finished[-1].playback_position == pytest.approx(3, abs=0.01)
        assert avatar.state == "live"
        assert len(avatar.attempts) == 1


async def test_the_voice_is_heard_after_the_connection_was_made_anew(stage: CallStage) -> None:
    await stage.start_agent()
    policy = AvatarPolicy(max_recoveries=0)
    async with AvatarSession("mock", worker="process", policy=policy, **SMALL_FACE) as avatar:
        await avatar.start(stage.agent_session, stage.room, **stage.credentials)
        await avatar.wait_for_join(timeout=20)
        connections: list[int] = []
        stage.room.on("connection_state_changed", connections.append)
        await stage.room.simulate_scenario(SCENARIOS["made anew"])
        await stage.viewer.until(lambda: connections[-1:] == [rtc.ConnectionState.CONN_CONNECTED])
        (worker,) = worker_processes()
        worker.kill()
        handle = stage.agent_session.say("by voice", audio=sweep(seconds=3))
        await asyncio.wait_for(handle.wait_for_playout(), 20)
        await stage.viewer.until_silent("agent")
        assert_whole(read_sweep(stage.viewer.heard["agent"].samples), seconds=3)


async def test_a_room_that_seems_empty_while_the_connection_is_made_anew_keeps_its_avatar(
    stage: CallStage,
) -> None:
    await stage.start_agent()
    policy = AvatarPolicy(when_room_empty="end", empty_grace=0.0)
    async with AvatarSession("mock", policy=policy, **SMALL_FACE) as avatar:
        states: list[str] = []
        avatar.on("state_changed", lambda event: states.append(event.new_state))
        await avatar.start(stage.agent_session, stage.room, **stage.credentials)
        await avatar.wait_for_join(timeout=20)
        gone: list[str] = []
        stage.room.on("participant_disconnected", lambda each: gone.append(each.identity))
        await stage.room.simulate_scenario(SCENARIOS["made anew"])
        await stage.viewer.until(lambda: "viewer" in gone)
        await stage.viewer.until(lambda: "viewer" in stage.room.remote_participants)
        handle = stage.agent_session.say("still here", audio=sweep(seconds=3))
        await asyncio.wait_for(handle.wait_for_playout(), 20)
        assert states == ["starting", "joining", "live"]
        assert len(avatar.attempts) == 1
