"""Sessions whose ``audio_source`` is a track: whom the avatar hears, and when it hears nobody."""

from __future__ import annotations

import asyncio
import time

import pytest
from livekit import api
from livekit.rtc import _ffi_client

from avatar_core.livekit_server import LiveKitServer
from avatar_provider_protoface.emulator.clock import ManualClock
from avatar_provider_protoface.emulator.track_ear import SINE_AFTER, SINE_HZ

from .calling_stage import eventually
from .track_stage import track_stage


async def test_the_participant_named_is_heard_through_the_avatar_and_nobody_else(
    livekit_server: LiveKitServer,
) -> None:
    async with track_stage(livekit_server) as stage:
        other = await stage.join("other")
        named = await stage.join("named")
        await stage.begin(subscribe_to_identity="named")
        await asyncio.gather(named.say(seconds=2, hz=440), other.say(seconds=2, hz=900))
        await stage.viewer.until_heard(stage.avatar, seconds=1)
        await stage.viewer.until_silent(stage.avatar)
        assert stage.heard_pitch() == pytest.approx(440, rel=0.03)


async def test_a_participant_named_may_come_after_the_avatar(livekit_server: LiveKitServer) -> None:
    async with track_stage(livekit_server) as stage:
        await stage.begin(subscribe_to_identity="named")
        other = await stage.join("other")
        await other.say(seconds=1, hz=900)
        named = await stage.join("named")
        await named.say(seconds=2, hz=440)
        await stage.viewer.until_heard(stage.avatar, seconds=0.7)
        assert stage.heard_pitch() == pytest.approx(440, rel=0.03)


async def test_without_a_name_the_first_that_publishes_is_heard_for_the_whole_session(
    livekit_server: LiveKitServer,
) -> None:
    async with track_stage(livekit_server) as stage:
        await stage.begin()
        first = await stage.join("first")
        await first.say(seconds=1, hz=440)
        await stage.viewer.until_heard(stage.avatar, seconds=0.5)
        await stage.viewer.until_silent(stage.avatar)
        since = time.monotonic()
        second = await stage.join("second")
        await first.leave()
        stage.guests.remove(first)
        await stage.viewer.until(lambda: "first" not in stage.viewer.room.remote_participants)
        await second.say(seconds=1, hz=900)
        await stage.viewer.until_heard("second", seconds=0.5, since=since)
        assert stage.viewer.heard[stage.avatar].loud_seconds(since=since) == 0
        again = await stage.join("first")
        said = asyncio.create_task(again.say(seconds=10, hz=440))
        await stage.viewer.until_heard(stage.avatar, seconds=0.5, since=since)
        assert stage.heard_pitch(since=since) == pytest.approx(440, rel=0.03)
        said.cancel()


async def test_silence_that_is_received_keeps_the_session_and_none_ends_it(
    livekit_server: LiveKitServer,
) -> None:
    async with track_stage(livekit_server) as stage:
        guest = await stage.join("guest")
        await stage.begin(idle_timeout_seconds=2)
        # Six seconds of what the avatar sends, in pieces of 10 ms.
        heard = stage.viewer.heard[stage.avatar]
        await stage.viewer.until(lambda: len(heard.times) > 600)
        assert heard.loud_seconds() == 0
        assert stage.session.status == "running"
        await guest.room.local_participant.unpublish_track(guest.track)
        await stage.viewer.until(lambda: stage.session.over)
        assert stage.session.status == "ended"


async def test_whoever_is_heard_may_clear_and_nobody_else(livekit_server: LiveKitServer) -> None:
    async with track_stage(livekit_server) as stage:
        speaker = await stage.join("speaker")
        stranger = await stage.join("stranger")
        await stage.begin(subscribe_to_identity="speaker")
        said = asyncio.create_task(speaker.say(seconds=20, hz=440))
        await stage.viewer.until_heard(stage.avatar, seconds=0.5)
        assert await stranger.clear(stage.avatar) == "reject"
        said.cancel()
        assert await speaker.clear(stage.avatar) == "ok"
        cleared = time.monotonic()
        assert await stage.viewer.until_silent(stage.avatar) - cleared < 1.0
        await speaker.say(seconds=1, hz=440)
        await stage.viewer.until_heard(stage.avatar, seconds=0.3, since=cleared + 1)


async def test_a_token_that_does_not_allow_to_subscribe_is_told_of_once(
    livekit_server: LiveKitServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with track_stage(livekit_server) as stage:
        guest = await stage.join("guest")
        await stage.begin(can_subscribe=False, idle_timeout_seconds=5)
        await guest.say(seconds=1, hz=440)
        await stage.viewer.until_heard("guest", seconds=0.5)
        assert stage.viewer.heard[stage.avatar].loud_seconds() == 0
        await stage.viewer.until(lambda: stage.session.over)
        assert [each.message for each in caplog.records if "canSubscribe" in each.message] == [
            "the avatar hears nothing: audio_source is a track, and the worker token does not"
            " allow to subscribe to one (canSubscribe)"
        ]


async def test_a_sine_is_heard_where_it_was_asked_for_until_somebody_publishes(
    livekit_server: LiveKitServer,
) -> None:
    clock = ManualClock()
    async with track_stage(livekit_server, clock=clock) as stage:
        await stage.begin(synthetic_audio_if_no_input=True)
        clock.advance(SINE_AFTER - 0.1)
        heard = stage.viewer.heard[stage.avatar]
        begin = len(heard.times)
        await stage.viewer.until(lambda: len(heard.times) - begin > 50)
        assert heard.loud_seconds() == 0
        clock.advance(0.2)
        await stage.viewer.until_heard(stage.avatar, seconds=1)
        assert stage.heard_pitch() == pytest.approx(SINE_HZ, rel=0.03)
        guest = await stage.join("guest")
        await stage.viewer.until_silent(stage.avatar)
        since = time.monotonic()
        await guest.say(seconds=1.5, hz=900)
        await stage.viewer.until_heard(stage.avatar, seconds=0.5, since=since)
        assert stage.heard_pitch(since=since) == pytest.approx(900, rel=0.03)
        await guest.leave()
        stage.guests.remove(guest)
        await stage.viewer.until_silent(stage.avatar)
        clock.advance(SINE_AFTER + 0.1)
        since = time.monotonic()
        await stage.viewer.until_heard(stage.avatar, seconds=0.5, since=since)
        # It is nobody's sound: the session is as idle as without it.
        clock.advance(30)
        await stage.viewer.until(lambda: stage.session.over)


async def test_without_being_asked_for_there_is_no_sine(livekit_server: LiveKitServer) -> None:
    clock = ManualClock()
    async with track_stage(livekit_server, clock=clock) as stage:
        await stage.begin()
        clock.advance(SINE_AFTER + 10)
        heard = stage.viewer.heard[stage.avatar]
        begin = len(heard.times)
        await stage.viewer.until(lambda: len(heard.times) - begin > 100)
        assert heard.loud_seconds() == 0


@pytest.mark.parametrize("end", ["end", "removed", "crash"])
async def test_nothing_listens_after_the_session(livekit_server: LiveKitServer, end: str) -> None:
    async with track_stage(livekit_server) as stage:
        guest = await stage.join("guest")
        await stage.viewer.until(lambda: bool(stage.viewer.heard["guest"].times))
        subscribers = _ffi_client.FfiClient.instance.queue._subscribers
        before = len(subscribers)
        await stage.begin()
        await guest.say(seconds=1, hz=440)  # and its silence goes on to be heard
        await stage.viewer.until_heard(stage.avatar, seconds=0.5)
        run = stage.caller.emulator.account.get(stage.session.id)
        if end == "end":
            await stage.caller.call("POST", f"/v1/sessions/{stage.session.id}/end")
        elif end == "crash":
            assert run.worker is not None
            await run.worker.act("crash")
        else:
            async with livekit_server.api() as server:
                await server.room.remove_participant(
                    api.RoomParticipantIdentity(room=stage.room_name, identity=stage.avatar)
                )
        await stage.viewer.until(lambda: stage.session.over)
        await eventually(
            lambda: (
                not any(
                    task.get_name().startswith("protoface-emulator") for task in asyncio.all_tasks()
                )
            )
        )
        await eventually(lambda: len(subscribers) <= before)
