"""Joining, leaving, and what is left behind."""

from __future__ import annotations

import asyncio
import gc
import os
from typing import Any

import pytest
from livekit import api, rtc
from livekit.rtc import _ffi_client

from avatar_core.worker import AvatarWorker, CloseReason, WorkerOptions
from tests.worker.conftest import Call
from tests.worker.plain_renderer import PlainRenderer
from tests.worker.speech_sender import tone


async def test_pictures_flow_before_any_sound(call: Call) -> None:
    worker = call.worker()
    await worker.start(call.server.url, call.worker_token())
    await call.viewer.until_seen("avatar", pictures=10)
    assert call.viewer.heard["avatar"].loud_seconds() == 0
    assert worker.identity == "avatar"
    assert worker.room is not None and worker.room.isconnected()


async def test_pictures_are_drawn_with_nobody_there_to_see_them(empty_call: Call) -> None:
    renderer = PlainRenderer()
    worker = empty_call.worker(renderer=renderer)
    await worker.start(empty_call.server.url, empty_call.worker_token())
    assert renderer.moments  # drawn while joining


async def test_both_tracks_have_their_names_and_sources(call: Call) -> None:
    await call.start(audio_track_name="voice", video_track_name="face")
    await call.viewer.until_seen("avatar")
    publications = call.viewer.room.remote_participants["avatar"].track_publications.values()
    assert {(p.name, p.source) for p in publications} == {
        ("voice", rtc.TrackSource.SOURCE_MICROPHONE),
        ("face", rtc.TrackSource.SOURCE_CAMERA),
    }


async def test_it_leaves_when_the_agent_has_been_gone_for_the_grace_time(call: Call) -> None:
    worker = await call.start(leave_when_agent_gone=0.3)
    await call.sender.room.disconnect()
    reason = await asyncio.wait_for(worker.wait_closed(), 10)
    assert reason is CloseReason.AGENT_LEFT
    await call.viewer.until(lambda: "avatar" not in call.viewer.room.remote_participants)


async def test_an_agent_that_comes_back_in_time_keeps_its_avatar(call: Call) -> None:
    worker = await call.start(leave_when_agent_gone=10.0)
    await call.sender.room.disconnect()
    await call.viewer.until(lambda: "agent" not in call.viewer.room.remote_participants)
    # The server lists one who comes back so soon only seconds later: reports go out anyway.
    agent = await call.join("agent")
    await agent.say(tone(0.2))
    assert len(await agent.until_finished(1)) == 1
    assert worker.close_reason is None


async def test_it_leaves_when_the_agent_never_comes(call: Call) -> None:
    worker = await call.start(agent_identity="nobody", agent_join_timeout=0.3)
    reason = await asyncio.wait_for(worker.wait_closed(), 10)
    assert reason is CloseReason.AGENT_NEVER_CAME


@pytest.mark.parametrize("method", ["remove_participant", "delete_room"])
async def test_it_ends_when_it_is_taken_out_of_the_room(call: Call, method: str) -> None:
    worker = await call.start()
    requests: dict[str, Any] = {
        "remove_participant": api.RoomParticipantIdentity(room=call.room_name, identity="avatar"),
        "delete_room": api.DeleteRoomRequest(room=call.room_name),
    }
    await call.server_api(method, requests[method])
    assert await asyncio.wait_for(worker.wait_closed(), 10) is CloseReason.REMOVED
    assert worker.room is None
    await worker.aclose()


async def test_closing_reports_speech_under_way_and_closes_the_renderer_once(call: Call) -> None:
    renderer = PlainRenderer()
    worker = await call.start(call.worker(renderer=renderer))
    await call.sender.say(tone(10))
    await call.sender.until_started(1)
    await asyncio.gather(worker.aclose(), worker.aclose())
    await worker.aclose()
    [report] = await call.sender.until_finished(1)
    assert report.interrupted is True
    assert renderer.told["close"] == 1
    assert await worker.wait_closed() is CloseReason.CLOSED


async def test_a_worker_is_started_once(call: Call) -> None:
    worker = await call.start()
    with pytest.raises(RuntimeError, match="once"):
        await worker.start(call.server.url, call.worker_token())
    await worker.aclose()
    with pytest.raises(RuntimeError, match="once"):
        await worker.start(call.server.url, call.worker_token())


async def test_a_refused_token_gives_everything_back(call: Call) -> None:
    renderer = PlainRenderer()
    worker = call.worker(renderer=renderer, connect_timeout=2.0)
    with pytest.raises(rtc.ConnectError):
        await worker.start(call.server.url, "no-token")
    assert renderer.told["close"] == 1
    assert await worker.wait_closed() is CloseReason.CLOSED


async def test_closing_a_worker_that_was_never_started_is_fine() -> None:
    worker = AvatarWorker(renderer=PlainRenderer(), options=WorkerOptions())
    await worker.aclose()
    assert await worker.wait_closed() is CloseReason.CLOSED


@pytest.mark.parametrize("turns", [1, 20, 200])
async def test_a_cancelled_start_leaves_nobody_in_the_room(call: Call, turns: int) -> None:
    worker = call.worker()
    start = asyncio.create_task(worker.start(call.server.url, call.worker_token()))
    for _ in range(turns):
        await asyncio.sleep(0)
    start.cancel()
    await asyncio.wait([start])
    await worker.aclose()
    answer = await call.server_api(
        "list_participants", api.ListParticipantsRequest(room=call.room_name)
    )
    assert sorted(p.identity for p in answer.participants) == ["agent", "viewer"]


def _held() -> dict[str, int]:
    gc.collect()
    return {
        "handles": sum(not handle.disposed for handle in _ffi_client._live_handles),
        "subscriptions": len(_ffi_client.FfiClient.instance.queue._subscribers),
        "tasks": len(asyncio.all_tasks()),
    }


def _threads() -> int:
    return len(os.listdir("/proc/self/task")) if os.path.isdir("/proc/self/task") else 0


async def test_nothing_is_left_after_a_call(empty_call: Call) -> None:
    call = empty_call
    await call.sender.join(url=call.server.url, token=call.token("agent"))

    async def one_call(number: int) -> None:
        worker = call.worker()
        await worker.start(call.server.url, call.worker_token())
        await call.sender.say(tone(5.0, rate=16000), rate=16000)  # with a resampler
        await call.sender.until_started(number)
        forgotten = await call.sender.open()
        await worker.aclose()
        await forgotten.aclose()
        call.workers.clear()

    before = _held()
    await one_call(1)
    threads = _threads()  # with what the process starts once and keeps
    for number in range(2, 6):
        await one_call(number)
    for _ in range(200):  # the rooms' last events are on their way
        left = {name: count - before[name] for name, count in _held().items()}
        if not any(left.values()):
            break
        await asyncio.sleep(0.05)
    assert left == dict.fromkeys(before, 0)
    assert _threads() <= threads + 2  # a pool may grow by one, a call may not
