"""A start that is given up at every await of its own and of all tasks it sets going."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from typing import Any

import pytest

from avatar_core.contract.errors import SessionStateError
from avatar_core.livekit_server import LiveKitServer
from avatar_core.testing.suspensions import Suspension, Suspensions
from avatar_provider_protoface.emulator.faults import Fault

from .calling_stage import ProtofaceStage, eventually, own_tasks, protoface_stage

MOST = 200
"""Far more suspensions than a start has: going through them must come to an end."""

FAULTS = {
    "at once": (),
    "after a retry": (Fault(on="create", status=503),),
    "late": (Fault(on="create", when="after", answer="true", delay=0.05),),
}


async def give_up(stage: ProtofaceStage, how: str, *, known: Collection[Suspension]) -> Suspensions:
    """Start an avatar and give it up where it waits; nothing may be left of it.

    Args:
        stage: The call.
        how: ``cancelled``: whoever awaits start() is; ``closed``: aclose() is called meanwhile.
        known: Suspensions that are let pass; if there is no other one, the start gets through.
    """
    avatar = stage.avatar()
    output = stage.call.agent_session.output.audio
    before = len(stage.emulator.sessions)
    closing: list[asyncio.Task[None]] = []

    def cancel(start: asyncio.Task[Any]) -> None:
        start.cancel()

    def close(_: asyncio.Task[Any]) -> None:
        closing.append(asyncio.create_task(avatar.aclose()))

    act: dict[str, Callable[[asyncio.Task[Any]], None]] = {"cancelled": cancel, "closed": close}
    suspensions = Suspensions(known=known, act=act[how])
    error = await suspensions.run(stage.start(avatar))
    if suspensions.new is None:
        assert error is None
        assert avatar.state == "joining"
    elif how == "cancelled":
        assert isinstance(error, asyncio.CancelledError)
        assert avatar.state == "closed"
    else:
        # It may just have got through when it was closed.
        assert error is None or isinstance(error, SessionStateError)
    await asyncio.gather(*closing)
    await avatar.aclose()
    assert avatar.state == "closed"
    # What the two seconds of a cancelled start were too short for is ended in the background.
    await eventually(lambda: own_tasks() == [])
    await stage.until_all_over()
    assert len(stage.emulator.sessions) - before <= 1
    assert stage.call.agent_session.output.audio is output
    return suspensions


@pytest.mark.parametrize("how", ["cancelled", "closed"])
@pytest.mark.parametrize("faults", FAULTS.values(), ids=FAULTS)
async def test_a_start_given_up_at_every_one_of_its_awaits_leaves_nothing(
    livekit_server: LiveKitServer, faults: tuple[Fault, ...], how: str
) -> None:
    # Each run gives up at the first suspension where none did before, until there is no such one:
    # then every place where that last run waited is one where another was given up.
    given_up: dict[Suspension, bool] = {}
    async with protoface_stage(livekit_server, worker="none", drain_seconds=0.0) as stage:
        await stage.call.start_agent()
        while len(given_up) < MOST:
            stage.emulator.faults.clear()
            for fault in faults:
                stage.emulator.faults.add(fault)
            suspensions = await give_up(stage, how, known=given_up)
            if suspensions.new is None:
                break
            given_up[suspensions.new] = suspensions.cancelled_there
        made = len(stage.emulator.sessions)
    assert suspensions.new is None, "every suspension was reached"
    for (task, where, _), cancelled_there in given_up.items():
        # These two are what is cancelled itself, and exactly where they waited.
        assert cancelled_there or task not in ("caller", "avatar-start"), (task, where)
    places = {(task, where) for task, where, _ in given_up}
    assert {"caller", "avatar-start", "avatar-start-session"} <= {task for task, _ in places}
    assert "streams.read" in {where for _, where in places}, "the wait for Protoface's answer"
    if faults == FAULTS["after a retry"]:
        assert "tasks.sleep" in {where for _, where in places}, "the pause before the retry"
    assert made > 1
