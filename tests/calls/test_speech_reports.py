from __future__ import annotations

import asyncio
import inspect
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from livekit import rtc

from avatar_core.audio.playback_rpc import CLEAR_BUFFER, PLAYBACK_FINISHED, PLAYBACK_STARTED
from avatar_core.audio.stream_writer import CLEAR_RPC_TIMEOUT
from avatar_core.livekit_server import LiveKitServer
from avatar_core.testing.call_stage import CallStage, open_call_stage
from avatar_core.testing.microphone import microphone_of
from avatar_core.testing.playback_log import PlaybackLog
from avatar_core.testing.speech_sound import assert_whole, read_sweep, since, sweep
from tests.calls.avatar_in_call import avatar_in

AVATAR = "mock-avatar-agent"


async def test_an_avatar_that_reports_nothing_ends_its_segments_all_the_same(
    stage: CallStage,
) -> None:
    async with avatar_in(stage, drop_reports=True):
        session = stage.agent_session
        log = PlaybackLog(session.output.audio)
        began = time.monotonic()
        await asyncio.wait_for(
            session.say("unreported", audio=sweep(seconds=1)).wait_for_playout(), 12
        )
        assert time.monotonic() - began > 1, "it counted as over before it could be"
        await stage.viewer.until_silent(AVATAR)
        assert_whole(read_sweep(stage.viewer.heard[AVATAR].samples), seconds=1)
        assert log.order == "spf"
        assert not log.finished[0].interrupted
        assert log.finished[0].playback_position == pytest.approx(1, abs=0.01)


async def test_an_avatar_that_reports_nothing_can_be_interrupted(stage: CallStage) -> None:
    async with avatar_in(stage, drop_reports=True):
        session = stage.agent_session
        log = PlaybackLog(session.output.audio)
        began = time.monotonic()
        handle = session.say("unreported", audio=sweep(seconds=5))
        await stage.viewer.until_heard(AVATAR, seconds=1.5)
        moment = time.monotonic()
        await asyncio.wait_for(session.interrupt(), 8)
        await asyncio.wait_for(handle.wait_for_playout(), 8)
        spoken = time.monotonic() - began
        last = await stage.viewer.until_silent(AVATAR, seconds=0.6)
        assert last < moment + 3
        assert log.finished[0].interrupted
        assert 0 < log.finished[0].playback_position <= min(spoken, 4.9)


async def test_late_reports_delay_nothing_that_is_heard(stage: CallStage) -> None:
    async with avatar_in(stage, report_delay=0.7):
        session = stage.agent_session
        log = PlaybackLog(session.output.audio)
        await asyncio.wait_for(session.say("first", audio=sweep(seconds=1)).wait_for_playout(), 10)
        await asyncio.wait_for(
            session.say("second", audio=sweep(seconds=0.5)).wait_for_playout(), 10
        )
        await stage.viewer.until_silent(AVATAR)
        assert log.order == "spf" * 2
        assert [event.playback_position for event in log.finished] == pytest.approx(
            [1, 0.5], abs=0.01
        )


async def test_a_late_report_of_an_interrupted_segment_does_not_end_the_next(
    stage: CallStage,
) -> None:
    async with avatar_in(stage, report_delay=1.5):
        # What the agent allows for is less than it takes: the report comes in the next segment.
        shorten_patience(stage)
        session = stage.agent_session
        log = PlaybackLog(session.output.audio)
        _ = session.say("cut off", audio=sweep(seconds=5))
        await stage.viewer.until_heard(AVATAR, seconds=0.6)
        await asyncio.wait_for(session.interrupt(), 8)
        await stage.viewer.until_silent(AVATAR)
        began = time.monotonic()
        await asyncio.wait_for(session.say("next", audio=sweep(seconds=3)).wait_for_playout(), 12)
        assert time.monotonic() - began > 3
        await stage.viewer.until_silent(AVATAR)
        assert_whole(read_sweep(since(stage.viewer.heard[AVATAR], began)), seconds=3)
        assert [event.interrupted for event in log.finished] == [True, False]
        assert log.finished[1].playback_position == pytest.approx(3, abs=0.01)


def shorten_patience(stage: CallStage) -> None:
    """Let the agent wait 0.2 s only for the report that follows a clear."""
    sink: Any = stage.agent_session.output.audio
    while sink.next_in_chain is not None:
        sink = sink.next_in_chain
    route = sink._end.output._route
    object.__setattr__(route, "clear_timeout", 0.2)


async def test_two_calls_in_one_process_with_one_identity_do_not_mix_up_their_reports(
    livekit_server: LiveKitServer,
) -> None:
    async with (
        open_call_stage(livekit_server) as one,
        open_call_stage(livekit_server) as two,
        microphone_of(one.viewer),
        microphone_of(two.viewer),
        avatar_in(one, identity="twin"),
        avatar_in(two, identity="twin"),
    ):
        logs = [PlaybackLog(stage.agent_session.output.audio) for stage in (one, two)]
        for _ in range(2):
            handles = [
                one.agent_session.say("one", audio=sweep(seconds=0.6)),
                two.agent_session.say("two", audio=sweep(seconds=1.4)),
            ]
            await asyncio.wait_for(
                asyncio.gather(*(handle.wait_for_playout() for handle in handles)), 10
            )
        for log, seconds in zip(logs, (0.6, 1.4), strict=True):
            assert log.order == "spf" * 2
            assert [event.playback_position for event in log.finished] == pytest.approx(
                [seconds] * 2, abs=0.01
            )


async def report(stage: CallStage, method: str, payload: str) -> str:
    """Call the agent as the viewer, who is no avatar."""
    return await stage.viewer.room.local_participant.perform_rpc(
        destination_identity=stage.agent_identity, method=method, payload=payload
    )


def finished(position: float, *, interrupted: bool = False) -> str:
    return json.dumps({"playback_position": position, "interrupted": interrupted})


async def test_a_stranger_cannot_report_playback(stage: CallStage) -> None:
    async with avatar_in(stage):
        session = stage.agent_session
        log = PlaybackLog(session.output.audio)
        handle = session.say("ours", audio=sweep(seconds=2))
        await stage.viewer.until_heard(AVATAR, seconds=0.4)
        assert await report(stage, PLAYBACK_STARTED, "") == "reject"
        assert await report(stage, PLAYBACK_FINISHED, finished(0.1)) == "reject"
        await asyncio.wait_for(handle.wait_for_playout(), 10)
        await stage.viewer.until_silent(AVATAR)
        assert_whole(read_sweep(stage.viewer.heard[AVATAR].samples), seconds=2)
        assert log.order == "spf"


async def test_a_handler_that_was_there_before_keeps_its_callers_and_is_put_back(
    stage: CallStage,
) -> None:
    calls: list[str] = []

    def earlier(name: str) -> Callable[[rtc.RpcInvocationData], Any]:
        async def answer(data: rtc.RpcInvocationData) -> str:
            calls.append(f"{name} {data.caller_identity}")
            return f"{name} answered"

        return answer

    local = stage.room.local_participant
    handlers = {name: earlier(name) for name in (PLAYBACK_STARTED, PLAYBACK_FINISHED)}
    for name, handler in handlers.items():
        local.register_rpc_method(name, handler)
    async with avatar_in(stage):
        await stage.agent_session.say("ours", audio=sweep(seconds=0.5)).wait_for_playout()
        assert calls == []
        assert await report(stage, PLAYBACK_STARTED, "") == f"{PLAYBACK_STARTED} answered"
        answer = await report(stage, PLAYBACK_FINISHED, finished(1))
        assert answer == f"{PLAYBACK_FINISHED} answered"
    assert {name: local._rpc_handlers.get(name) for name in handlers} == handlers


async def test_without_an_earlier_handler_none_is_left(stage: CallStage) -> None:
    before = dict(stage.room.local_participant._rpc_handlers)
    async with avatar_in(stage):
        await stage.agent_session.say("ours", audio=sweep(seconds=0.3)).wait_for_playout()
    left = set(stage.room.local_participant._rpc_handlers) - set(before)
    assert not {name for name in left if name.startswith("lk.playback")}


@pytest.mark.parametrize(
    "payload",
    ["", "no json", "[]", "3", '{"playback_position": "far"}', '{"interrupted": true}', "null"],
)
async def test_a_malformed_report_is_refused_and_changes_nothing(
    stage: CallStage, payload: str
) -> None:
    async with avatar_in(stage) as avatar:
        session = stage.agent_session
        log = PlaybackLog(session.output.audio)
        handle = session.say("ours", audio=sweep(seconds=1.2))
        await stage.viewer.until_heard(AVATAR, seconds=0.3)
        worker = worker_of(avatar.session_id)
        with pytest.raises(rtc.RpcError):
            await worker.perform_rpc(
                destination_identity=stage.agent_identity,
                method=PLAYBACK_FINISHED,
                payload=payload,
            )
        await asyncio.wait_for(handle.wait_for_playout(), 10)
        assert log.order == "spf"
        assert log.finished[0].playback_position == pytest.approx(1.2, abs=0.01)


async def test_an_avatar_that_cuts_a_segment_off_and_stays_ends_it(stage: CallStage) -> None:
    async with avatar_in(stage) as avatar:
        session = stage.agent_session
        log = PlaybackLog(session.output.audio)
        handle = session.say("ours", audio=sweep(seconds=5))
        await stage.viewer.until_heard(AVATAR, seconds=1)
        await worker_of(avatar.session_id).perform_rpc(
            destination_identity=stage.agent_identity,
            method=PLAYBACK_FINISHED,
            payload=finished(0.9, interrupted=True),
        )
        await asyncio.wait_for(handle.wait_for_playout(), 3)
        assert log.order == "spf"
        assert log.finished[0].interrupted
        assert log.finished[0].playback_position == pytest.approx(0.9, abs=0.01)
        assert stage.viewer.heard["agent"].loud_seconds() == 0


async def test_what_was_heard_of_an_avatar_that_answers_no_pause_is_known_from_its_sound(
    stage: CallStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with avatar_in(stage) as avatar:
        output = stage.agent_session.output.audio
        assert output is not None
        handle = stage.agent_session.say("half of it", audio=sweep(seconds=5))
        await stage.viewer.until_heard(AVATAR, seconds=1.5)
        worker, over = worker_of(avatar.session_id), asyncio.Event()
        be_silent = worker._rpc_handlers[CLEAR_BUFFER]

        async def answered_too_late(data: rtc.RpcInvocationData) -> str:
            said = be_silent(data)
            await over.wait()
            return str(await said if inspect.isawaitable(said) else said)

        async def lost(**_: object) -> str:
            raise rtc.RpcError(rtc.RpcError.ErrorCode.SEND_FAILED, "lost on its way")

        worker.register_rpc_method(CLEAR_BUFFER, answered_too_late)
        with monkeypatch.context() as reports:
            reports.setattr(worker, "perform_rpc", lost)
            output.pause()
            await stage.viewer.until_silent(AVATAR, seconds=CLEAR_RPC_TIMEOUT + 0.5)
        over.set()
        worker.register_rpc_method(CLEAR_BUFFER, be_silent)
        output.resume()
        await asyncio.wait_for(handle.wait_for_playout(), 15)
        await stage.viewer.until_silent(AVATAR)
        heard = read_sweep(stage.viewer.heard[AVATAR].samples)
        assert heard.last > 4.8
        assert heard.missing < 0.7, "it was taken to have spoken on until it was given up"
        assert heard.repeated < 0.7


def worker_of(session_id: str | None) -> rtc.LocalParticipant:
    """The mock's own participant, to speak in its name."""
    from avatar_provider_mock.plugin import mock_sessions

    session: Any = mock_sessions()._sessions[session_id or ""]
    room: rtc.Room = session.run._avatar._worker.room
    return room.local_participant
