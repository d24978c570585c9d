from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from livekit import rtc
from livekit.agents import room_io

from avatar_core import AvatarPolicy, AvatarSession
from avatar_core.contract.errors import ProviderUnavailableError
from avatar_core.contract.models import EndRequest
from avatar_core.testing.call_footprint import (
    chain,
    footprint,
    nothing_left_behind,
    own_tasks,
    until_listened_to,
)
from avatar_core.testing.call_stage import CallStage, tone
from tests.calls.avatar_in_call import SMALL_FACE
from tests.session.scripted_provider import ScriptedProvider, eventually, registered

MOCK = "mock-avatar-agent"

ORDERS: dict[str, dict[str, Any]] = {
    "session first": {"agent_first": True, "agent": {}},
    "session first, no text": {
        "agent_first": True,
        "agent": {"room_options": room_io.RoomOptions(text_output=False)},
    },
    "session first, no audio output": {
        "agent_first": True,
        "agent": {"room_options": room_io.RoomOptions(audio_output=False)},
    },
    "avatar first": {"agent_first": False, "agent": {}},
    "avatar first, no text": {
        "agent_first": False,
        "agent": {"room_options": room_io.RoomOptions(text_output=False)},
    },
    "avatar first, no audio output": {
        "agent_first": False,
        "agent": {"room_options": room_io.RoomOptions(audio_output=False)},
    },
}


async def start(avatar: AvatarSession, stage: CallStage) -> None:
    await avatar.start(stage.agent_session, stage.room, **stage.credentials)


async def start_both(
    avatar: AvatarSession, stage: CallStage, *, agent_first: bool, agent: dict[str, Any]
) -> None:
    if agent_first:
        await stage.start_agent(**agent)
    await start(avatar, stage)
    if not agent_first:
        await stage.start_agent(**agent)
    await avatar.wait_for_join(timeout=15)
    await until_listened_to(stage, MOCK)


async def until_only(stage: CallStage, *identities: str) -> None:
    deadline = time.monotonic() + 10
    while (found := await stage.identities()) != sorted(identities):
        assert time.monotonic() < deadline, f"still in the room: {found}"
        await asyncio.sleep(0.05)


# --- every order of starting -------------------------------------------------------------------


@pytest.mark.parametrize("order", ORDERS)
async def test_in_every_order_the_avatar_speaks_and_aclose_gives_the_voice_back(
    stage: CallStage, order: str
) -> None:
    avatar = AvatarSession("mock", **SMALL_FACE)
    await start_both(avatar, stage, **ORDERS[order])
    await stage.agent_session.say("face", audio=tone(seconds=0.6)).wait_for_playout()
    await stage.viewer.until_heard(MOCK, seconds=0.5)
    assert stage.viewer.heard["agent"].loud_seconds() == 0

    await avatar.aclose()
    await until_only(stage, "agent", "viewer")
    speech = stage.agent_session.say("voice", audio=tone(seconds=0.6))
    await asyncio.wait_for(speech.wait_for_playout(), 10)
    await stage.viewer.until_heard("agent", seconds=0.5)

    began = time.monotonic()
    await stage.agent_session.aclose()
    assert time.monotonic() - began < 5
    await eventually(lambda: own_tasks() == ())


@pytest.mark.parametrize("way", ["agent session closes", "room disconnects", "aclose"])
@pytest.mark.parametrize("order", ["session first", "avatar first", "avatar first, no text"])
async def test_it_ends_with_whatever_ends_first(stage: CallStage, order: str, way: str) -> None:
    untouched = footprint(stage)
    avatar = AvatarSession("mock", **SMALL_FACE)
    await start_both(avatar, stage, **ORDERS[order])

    if way == "agent session closes":
        await stage.agent_session.aclose()
    elif way == "room disconnects":
        await stage.room.disconnect()
    else:
        await avatar.aclose()
    await eventually(lambda: avatar.state == "closed")

    await until_only(stage, *(["viewer"] if way == "room disconnects" else ["agent", "viewer"]))
    await avatar.aclose()
    await asyncio.wait_for(stage.agent_session.aclose(), 10)
    await nothing_left_behind(stage, untouched)


@pytest.mark.parametrize("order", ["session first", "avatar first"])
async def test_closing_the_agent_in_mid_sentence_is_quick(stage: CallStage, order: str) -> None:
    avatar = AvatarSession("mock", **SMALL_FACE)
    await start_both(avatar, stage, **ORDERS[order])
    _ = stage.agent_session.say("a long one", audio=tone(seconds=20))
    await stage.viewer.until_heard(MOCK, seconds=0.3)
    began = time.monotonic()
    await stage.agent_session.aclose()
    assert time.monotonic() - began < 5
    await eventually(lambda: avatar.state == "closed")
    await until_only(stage, "agent", "viewer")


@pytest.mark.parametrize("order", ["session first", "avatar first", "avatar first, no text"])
async def test_losing_the_room_in_mid_sentence_does_not_hold_up_the_agents_close(
    stage: CallStage, order: str
) -> None:
    avatar = AvatarSession("mock", **SMALL_FACE)
    await start_both(avatar, stage, **ORDERS[order])
    _ = stage.agent_session.say("a long one", audio=tone(seconds=20))
    await stage.viewer.until_heard(MOCK, seconds=0.3)
    await stage.room.disconnect()
    await eventually(lambda: avatar.state == "closed")
    await asyncio.wait_for(stage.agent_session.aclose(), 10)
    await until_only(stage, "viewer")
    await eventually(lambda: own_tasks() == ())


async def test_a_sentence_under_way_at_aclose_is_said_to_its_end_by_the_voice(
    stage: CallStage,
) -> None:
    avatar = AvatarSession("mock", **SMALL_FACE)
    await start_both(avatar, stage, **ORDERS["session first"])
    before_leaf = chain(stage.agent_session)[:-1]
    speech = stage.agent_session.say("a long one", audio=tone(seconds=4))
    await stage.viewer.until_heard(MOCK, seconds=0.5)
    await avatar.aclose()
    await asyncio.wait_for(speech.wait_for_playout(), 15)
    await stage.viewer.until_heard("agent", seconds=2.0)
    assert not speech.interrupted
    await eventually(lambda: own_tasks() == ())
    assert chain(stage.agent_session)[:-1] == before_leaf


async def test_a_new_avatar_in_mid_sentence_leaves_no_old_one_in_the_chain(
    stage: CallStage,
) -> None:
    await stage.start_agent()
    before = footprint(stage)
    for _ in range(2):
        avatar = AvatarSession("mock", **SMALL_FACE)
        await start(avatar, stage)
        await avatar.wait_for_join(timeout=15)
        await until_listened_to(stage, MOCK)
        speech = stage.agent_session.say("a long one", audio=tone(seconds=2))
        await stage.viewer.until_heard(MOCK, seconds=0.2, since=time.monotonic())
        await avatar.aclose()
    await asyncio.wait_for(speech.wait_for_playout(), 15)
    await nothing_left_behind(stage, before)


async def test_a_new_avatar_after_one_that_was_started_first_speaks_and_closes(
    stage: CallStage,
) -> None:
    for index in range(3):
        avatar = AvatarSession("mock", **SMALL_FACE)
        await start(avatar, stage)
        if index == 0:
            await stage.start_agent()
        await avatar.wait_for_join(timeout=15)
        await until_listened_to(stage, MOCK)
        since = time.monotonic()
        await stage.agent_session.say("face", audio=tone(seconds=0.5)).wait_for_playout()
        await stage.viewer.until_heard(MOCK, seconds=0.4, since=since)
        await avatar.aclose()
    since = time.monotonic()
    await stage.agent_session.say("voice", audio=tone(seconds=0.5)).wait_for_playout()
    await stage.viewer.until_heard("agent", seconds=0.4, since=since)


# --- ending at the provider --------------------------------------------------------------------


async def test_aclose_is_idempotent_and_concurrent(stage: CallStage) -> None:
    provider = ScriptedProvider(joins=True)
    with registered(provider):
        avatar = AvatarSession("scripted")
        await start(avatar, stage)
        await asyncio.gather(*(avatar.aclose() for _ in range(5)))
        await avatar.aclose()
    assert (avatar.state, provider.live, len(provider.end_requests)) == ("closed", {}, 1)
    assert provider.end_requests[0].reason


async def test_aclose_before_start_closes(stage: CallStage) -> None:
    avatar = AvatarSession("mock")
    await avatar.aclose()
    await avatar.aclose()
    assert avatar.state == "closed"


async def test_leaving_the_with_block_closes_also_after_an_error(stage: CallStage) -> None:
    provider = ScriptedProvider()
    with registered(provider):
        with pytest.raises(KeyError):
            async with AvatarSession("scripted") as avatar:
                await start(avatar, stage)
                raise KeyError
    assert (avatar.state, provider.live) == ("closed", {})


async def test_an_end_that_fails_is_tried_again_until_it_is_acknowledged(stage: CallStage) -> None:
    async def on_end(request: EndRequest) -> None:
        if len(provider.end_requests) < 4:
            raise ProviderUnavailableError("not now", status_code=503)

    provider = ScriptedProvider(on_end=on_end, joins=True)
    await stage.start_agent()
    before = footprint(stage)
    with registered(provider):
        avatar = AvatarSession("scripted")
        await start(avatar, stage)
        await avatar.wait_for_join(timeout=15)
        await avatar.aclose()
        assert (len(provider.end_requests), provider.live) == (4, {})
    await nothing_left_behind(stage, before)


@pytest.mark.parametrize(
    "error",
    [RuntimeError("a defect"), asyncio.CancelledError(), asyncio.TimeoutError()],
    ids=lambda error: type(error).__name__,
)
async def test_an_end_that_fails_in_a_way_it_should_not_is_tried_again_too(
    stage: CallStage, error: BaseException
) -> None:
    async def on_end(request: EndRequest) -> None:
        if len(provider.end_requests) < 2:
            raise error

    provider = ScriptedProvider(on_end=on_end)
    with registered(provider):
        async with AvatarSession("scripted") as avatar:
            await start(avatar, stage)
    assert (len(provider.end_requests), provider.live) == (2, {})


async def test_an_end_that_hangs_does_not_hold_up_aclose_and_goes_on_behind_it(
    stage: CallStage, caplog: pytest.LogCaptureFixture
) -> None:
    go_on = asyncio.Event()

    async def on_end(request: EndRequest) -> None:
        await go_on.wait()

    provider = ScriptedProvider(on_end=on_end)
    await stage.start_agent()
    before = footprint(stage)
    with registered(provider):
        avatar = AvatarSession("scripted", policy=AvatarPolicy(end_timeout=0.3))
        await start(avatar, stage)
        began = time.monotonic()
        await avatar.aclose()
        assert time.monotonic() - began < 3
        assert avatar.state == "closed"
        assert len(provider.live) == 1
        assert "Ending goes on in the background" in caplog.text
        (line,) = [r for r in caplog.records if "not ended yet" in r.message]
        assert (line.provider, line.session_id) == ("scripted", "scripted-1")  # type: ignore[attr-defined]

        go_on.set()
        await eventually(lambda: provider.live == {})
    await nothing_left_behind(stage, before)


async def test_an_end_that_fails_for_long_is_acknowledged_long_after_aclose(
    stage: CallStage,
) -> None:
    down = True

    async def on_end(request: EndRequest) -> None:
        if down:
            raise ProviderUnavailableError("not now")

    provider = ScriptedProvider(on_end=on_end, joins=True, stays=True)
    with registered(provider):
        avatar = AvatarSession("scripted", policy=AvatarPolicy(end_timeout=0.3))
        await start(avatar, stage)
        await avatar.wait_for_join(timeout=15)
        await avatar.aclose()
        assert len(provider.live) == 1
        await until_only(stage, "agent", "viewer")
        down = False
        await eventually(lambda: provider.live == {})
        await eventually(lambda: own_tasks() == ())
    await provider.let_workers_go()


async def test_a_worker_that_stays_is_removed_from_the_room(stage: CallStage) -> None:
    provider = ScriptedProvider(joins=True, stays=True)
    gone: list[Any] = []
    with registered(provider):
        avatar = AvatarSession("scripted")
        await start(avatar, stage)
        await avatar.wait_for_join(timeout=15)
        provider.workers[0].on("disconnected", gone.append)
        assert "scripted-avatar-agent" in await stage.identities()
        await avatar.aclose()
        assert await stage.identities() == ["agent", "viewer"]
        await eventually(lambda: gone == [rtc.DisconnectReason.PARTICIPANT_REMOVED])
    await provider.let_workers_go()


async def test_a_worker_that_stays_is_removed_also_when_the_agent_has_left_the_room(
    stage: CallStage,
) -> None:
    provider = ScriptedProvider(joins=True, stays=True)
    with registered(provider):
        avatar = AvatarSession("scripted")
        await start(avatar, stage)
        await avatar.wait_for_join(timeout=15)
        await stage.room.disconnect()
        await until_only(stage, "viewer")
        await avatar.aclose()
        assert provider.live == {}
    await provider.let_workers_go()
