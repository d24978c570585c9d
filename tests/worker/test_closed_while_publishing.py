"""A worker that is closed, or taken out of its room, before its tracks are published."""

from __future__ import annotations

import asyncio

import pytest
from livekit import api
from livekit.rtc.participant import PublishTrackError

from avatar_core.worker import CloseReason
from tests.worker.conftest import Call


@pytest.mark.parametrize("turns", [0, 1, 2, 4, 8, 16])
@pytest.mark.parametrize("how", ["closed", "removed"])
async def test_its_start_ends_although_livekit_never_answers(
    call: Call, how: str, turns: int
) -> None:
    worker = call.worker()
    start = asyncio.create_task(worker.start(call.server.url, call.worker_token()))
    while not worker.identity:  # noqa: ASYNC110 - nobody announces that it is about to publish
        await asyncio.sleep(0)
    for _ in range(turns):
        await asyncio.sleep(0)
    if how == "closed":
        await worker.aclose()
    else:
        avatar = api.RoomParticipantIdentity(room=call.room_name, identity="avatar")
        await call.server_api("remove_participant", avatar)
    # It may have been quicker than the server, or have been answered just then.
    (outcome,) = await asyncio.wait_for(asyncio.gather(start, return_exceptions=True), 20)
    if isinstance(outcome, RuntimeError):
        assert "was closed while it" in str(outcome)
    else:
        assert outcome is None or isinstance(outcome, PublishTrackError)
    reason = await worker.wait_closed()
    assert reason is (CloseReason.CLOSED if how == "closed" else CloseReason.REMOVED)
