"""Agents that do not listen, or fail to: never fatal, never counted twice."""

from __future__ import annotations

import pytest
from livekit import rtc

from tests.worker.conftest import Call
from tests.worker.speech_sender import FINISHED, STARTED, tone


async def test_an_agent_that_takes_no_reports_is_still_spoken_for(call: Call) -> None:
    agent = call.sender.room.local_participant
    for method in (STARTED, FINISHED):
        agent.unregister_rpc_method(method)
    worker = await call.start()
    await call.sender.say(tone(0.3))
    await call.heard_to_the_end(0.3)
    call.sender.listen()
    await call.sender.say(tone(0.2))
    # The report of the first may still come, if it is tried again after the registration.
    await call.sender.until_position(0.2)
    assert worker.close_reason is None


async def test_a_finish_is_sent_again_until_the_agent_has_registered(call: Call) -> None:
    call.sender.room.local_participant.unregister_rpc_method(FINISHED)
    await call.start()
    await call.sender.say(tone(0.2))
    await call.sender.until_started(1)
    call.sender.listen()
    [report] = await call.sender.until_finished(1)
    assert report.position == pytest.approx(0.2, abs=0.002)


async def test_a_handler_that_fails_is_not_called_again(call: Call) -> None:
    calls: list[str] = []

    def failing(invocation: rtc.RpcInvocationData) -> str:
        calls.append(invocation.method)
        raise rtc.RpcError(1500, "no")

    agent = call.sender.room.local_participant
    agent.register_rpc_method(FINISHED, failing)
    await call.start()
    await call.sender.say(tone(0.1))
    await call.viewer.until(lambda: bool(calls))
    agent.register_rpc_method(FINISHED, call.sender.report)
    await call.sender.say(tone(0.15))
    [report] = await call.sender.until_finished(1)
    assert report.position == pytest.approx(0.15, abs=0.002)
    assert calls == [FINISHED]


async def test_rejected_reports_are_taken_for_an_answer(call: Call) -> None:
    calls: list[str] = []

    def rejecting(invocation: rtc.RpcInvocationData) -> str:
        calls.append(invocation.method)
        return "reject"

    for method in (STARTED, FINISHED):
        call.sender.room.local_participant.register_rpc_method(method, rejecting)
    await call.start()
    await call.sender.say(tone(0.1))
    await call.viewer.until(lambda: FINISHED in calls)
    assert calls == [STARTED, FINISHED]
