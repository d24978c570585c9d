from __future__ import annotations

import asyncio
import time

import pytest
from livekit.agents import MetricsCollectedEvent
from livekit.agents.metrics.base import AvatarMetrics

from avatar_core import AvatarPolicy, AvatarSession
from avatar_core.contract.errors import (
    AvatarNotJoinedError,
    ProviderUnavailableError,
    SessionStateError,
)
from avatar_core.contract.models import StartedSession, StartRequest
from avatar_core.session.states import AvatarAvailabilityChangedEvent, AvatarStateChangedEvent
from avatar_core.testing.call_footprint import until_listened_to
from avatar_core.testing.call_stage import CallStage, tone
from tests.calls.avatar_in_call import SMALL_FACE
from tests.session.scripted_provider import (
    ListeningProvider,
    Make,
    ScriptedProvider,
    eventually,
    registered,
)

MOCK = "mock-avatar-agent"


async def start(avatar: AvatarSession, stage: CallStage) -> None:
    await avatar.start(stage.agent_session, stage.room, **stage.credentials)


# --- what is told ------------------------------------------------------------------------------


async def test_every_state_is_told_once_in_order_with_a_reason(stage: CallStage) -> None:
    told: list[AvatarStateChangedEvent] = []
    available: list[AvatarAvailabilityChangedEvent] = []
    await stage.start_agent()
    began = time.time()
    async with AvatarSession("mock", **SMALL_FACE) as avatar:
        avatar.on("state_changed", told.append)
        avatar.on("avatar_availability_changed", available.append)
        assert avatar.state == "idle"
        await start(avatar, stage)
        await avatar.wait_for_join(timeout=15)
        assert str(avatar.state) == "live"
    assert [(event.old_state, event.new_state) for event in told] == [
        ("idle", "starting"),
        ("starting", "joining"),
        ("joining", "live"),
        ("live", "closing"),
        ("closing", "closed"),
    ]
    assert all(event.reason and event.created_at >= began for event in told)
    assert [(event.available, event.identity) for event in available] == [
        (True, MOCK),
        (False, MOCK),
    ]


async def test_livekits_metrics_are_emitted_on_both_sessions(stage: CallStage) -> None:
    ours: list[AvatarMetrics] = []
    theirs: list[AvatarMetrics] = []

    def collect(event: MetricsCollectedEvent) -> None:
        if isinstance(event.metrics, AvatarMetrics):
            theirs.append(event.metrics)

    stage.agent_session.on("metrics_collected", collect)
    await stage.start_agent()
    async with AvatarSession("mock", **SMALL_FACE) as avatar:
        avatar.on("metrics_collected", ours.append)
        await start(avatar, stage)
        await avatar.wait_for_join(timeout=15)
        await stage.agent_session.say("hello", audio=tone(seconds=0.5)).wait_for_playout()
        await eventually(lambda: len(ours) == 2)

    assert ours == theirs
    joined, spoken = ours
    assert joined.metadata is not None
    assert joined.metadata.model_provider == "mock"
    assert joined.avatar_joined_time is not None
    assert joined.session_started_time is not None
    assert 0 < joined.avatar_joined_time - joined.session_started_time < 15
    assert spoken.playback_latency is not None
    assert 0 < spoken.playback_latency < 5


@pytest.mark.parametrize("event", ["state_changed", "avatar_availability_changed"])
async def test_a_failing_listener_harms_nobody(stage: CallStage, event: str) -> None:
    def wrong(_: object) -> None:
        raise TypeError("a mistake of the application's")

    await stage.start_agent()
    async with AvatarSession("mock", **SMALL_FACE) as avatar:
        avatar.on(event, wrong)
        await start(avatar, stage)
        await avatar.wait_for_join(timeout=15)
        assert avatar.state == "live"
    assert str(avatar.state) == "closed"


async def test_a_failing_listener_of_the_agents_metrics_harms_nobody(stage: CallStage) -> None:
    def wrong(_: object) -> None:
        raise TypeError("a mistake of the application's")

    provider = ListeningProvider(joins=True)
    stage.agent_session.on("metrics_collected", wrong)
    await stage.start_agent()
    with registered(provider):
        async with AvatarSession("scripted") as avatar:
            await start(avatar, stage)
            await avatar.wait_for_join(timeout=15)
            await eventually(lambda: provider.states == [("listening", "listening")])
            stage.agent_session.off("metrics_collected", wrong)


async def test_the_provider_is_told_what_the_agent_does(stage: CallStage) -> None:
    provider = ListeningProvider(joins=True)
    await stage.start_agent()
    with registered(provider):
        async with AvatarSession("scripted") as avatar:
            await start(avatar, stage)
            await avatar.wait_for_join(timeout=15)
            await stage.agent_session.say("hello", audio=tone(seconds=0.3)).wait_for_playout()
            await eventually(lambda: provider.states[-1:] == [("speaking", "listening")])
    assert provider.states[0] == ("listening", "listening")
    assert ("listening", "speaking") in provider.states


async def test_front_ends_read_the_state_from_the_agents_attributes(stage: CallStage) -> None:
    def seen() -> tuple[str | None, str | None]:
        agent = stage.viewer.room.remote_participants["agent"]
        return agent.attributes.get("avatar.state"), agent.attributes.get("avatar.identity")

    await stage.start_agent()
    async with AvatarSession("mock", join_delay=0.5, **SMALL_FACE) as avatar:
        await start(avatar, stage)
        await eventually(lambda: seen()[0] == "joining")
        assert seen()[1] in (None, "")
        await avatar.wait_for_join(timeout=15)
        await eventually(lambda: seen() == ("live", MOCK))
    await eventually(lambda: seen()[0] == "closed" and not seen()[1])


async def test_the_avatar_names_the_agent_it_speaks_for(stage: CallStage) -> None:
    await stage.start_agent()
    async with AvatarSession("mock", **SMALL_FACE) as avatar:
        await start(avatar, stage)
        await avatar.wait_for_join(timeout=15)
        await stage.viewer.until_seen(MOCK)
        face = stage.viewer.room.remote_participants[MOCK]
        assert face.attributes["lk.publish_on_behalf"] == "agent"


@pytest.mark.parametrize("watch", [True, False], ids=["watched", "not watched"])
async def test_the_agent_receives_the_avatars_media_for_its_watch_while_it_speaks_and_no_longer(
    stage: CallStage, watch: bool
) -> None:
    await stage.start_agent()
    received: list[str] = []
    stage.room.on("track_subscribed", lambda track, *_: received.append(track.name))
    async with AvatarSession("mock", policy=AvatarPolicy(watch=watch), **SMALL_FACE) as avatar:
        await start(avatar, stage)
        await avatar.wait_for_join(timeout=15)
        received.clear()  # the server's own subscription may have crossed the refusal
        await stage.agent_session.say("hello", audio=tone(seconds=2.0)).wait_for_playout()
        assert len(set(received)) == (2 if watch else 0)
        await stage.viewer.until_seen(MOCK, pictures=5)

        publications = list(stage.room.remote_participants[MOCK].track_publications.values())
        assert len(publications) == 2
        await eventually(lambda: not any(p.subscribed for p in publications), timeout=30)
        assert all(publication.track is None for publication in publications)


# --- waiting for it ----------------------------------------------------------------------------


async def test_waiting_ends_with_the_timeout_it_was_given(stage: CallStage) -> None:
    async with AvatarSession("mock", never_join=True) as avatar:
        await start(avatar, stage)
        with pytest.raises(asyncio.TimeoutError) as caught:
            await avatar.wait_for_join(timeout=0.2)
        assert not isinstance(caught.value, AvatarNotJoinedError), "it may still come"
        assert avatar.state == "joining"


async def test_waiting_ends_at_once_when_the_start_failed(stage: CallStage) -> None:
    async def on_start(request: StartRequest, make: Make) -> StartedSession:
        raise ProviderUnavailableError("the service is down")

    with registered(ScriptedProvider(on_start=on_start)):
        async with AvatarSession("scripted") as avatar:
            await start(avatar, stage)
            with pytest.raises(AvatarNotJoinedError, match="the service is down"):
                await asyncio.wait_for(avatar.wait_for_join(timeout=None), 5)


async def test_waiting_ends_when_the_session_is_closed(stage: CallStage) -> None:
    async with AvatarSession("mock", never_join=True) as avatar:
        await start(avatar, stage)
        waiting = asyncio.create_task(avatar.wait_for_join(timeout=None))
        await asyncio.sleep(0)
        await avatar.aclose()
        with pytest.raises(AvatarNotJoinedError, match="aclose"):
            await asyncio.wait_for(waiting, 5)


async def test_waiting_before_the_start_is_a_mistake(stage: CallStage) -> None:
    with pytest.raises(SessionStateError, match="after start"):
        await AvatarSession("mock").wait_for_join(timeout=1)


async def test_waiting_while_the_start_goes_on_waits_for_its_end(stage: CallStage) -> None:
    await stage.start_agent()
    async with AvatarSession("mock", **SMALL_FACE) as avatar:
        starting = asyncio.create_task(start(avatar, stage))
        await eventually(lambda: avatar.state != "idle")
        await avatar.wait_for_join(timeout=15)
        assert avatar.state == "live"
        await starting


# --- speech until it is there ------------------------------------------------------------------


async def test_an_avatar_that_does_not_join_in_time_leaves_the_agent_its_own_voice(
    stage: CallStage, caplog: pytest.LogCaptureFixture
) -> None:
    await stage.start_agent()
    policy = AvatarPolicy(join_timeout=0.3)
    async with AvatarSession("mock", policy=policy, never_join=True) as avatar:
        await start(avatar, stage)
        speech = stage.agent_session.say("hello", audio=tone(seconds=1.0))
        await stage.viewer.until_heard("agent", seconds=0.9)
        await speech.wait_for_playout()
        assert avatar.state == "voice_only"
        assert "did not join within 0.3 s" in caplog.text


async def test_an_avatar_that_joins_late_speaks_from_then_on(stage: CallStage) -> None:
    await stage.start_agent()
    policy = AvatarPolicy(join_timeout=0.3)
    async with AvatarSession("mock", policy=policy, join_delay=4.0, **SMALL_FACE) as avatar:
        await start(avatar, stage)
        await stage.agent_session.say("one", audio=tone(seconds=0.5)).wait_for_playout()
        assert stage.viewer.heard[MOCK].loud_seconds() == 0
        await stage.viewer.until_heard("agent", seconds=0.4)

        await avatar.wait_for_join(timeout=15)
        await stage.viewer.until_silent("agent")
        await until_listened_to(stage, MOCK)
        since = time.monotonic()
        await stage.agent_session.say("two", audio=tone(seconds=0.5)).wait_for_playout()
        await stage.viewer.until_heard(MOCK, seconds=0.4)
        assert stage.viewer.heard["agent"].loud_seconds(since=since) == 0


@pytest.mark.parametrize("agent_first", [True, False], ids=["session first", "avatar first"])
async def test_a_greeting_during_the_join_is_held_and_said_whole_by_the_avatar(
    stage: CallStage, agent_first: bool
) -> None:
    if agent_first:
        await stage.start_agent()
    async with AvatarSession("mock", join_delay=1.0, **SMALL_FACE) as avatar:
        await start(avatar, stage)
        if not agent_first:
            await stage.start_agent()
        speech = stage.agent_session.say("good morning", audio=tone(seconds=2.0))
        await speech.wait_for_playout()
        # The viewer subscribes while it begins.
        await stage.viewer.until_heard(MOCK, seconds=1.5)
        assert avatar.state == "live"
        assert stage.viewer.heard["agent"].loud_seconds() == 0
        assert not speech.interrupted


@pytest.mark.parametrize("agent_first", [True, False], ids=["session first", "avatar first"])
async def test_a_greeting_during_the_join_is_said_by_the_voice_where_the_policy_says_so(
    stage: CallStage, agent_first: bool
) -> None:
    if agent_first:
        await stage.start_agent()
    policy = AvatarPolicy(while_joining="voice", join_timeout=30)
    async with AvatarSession("mock", policy=policy, never_join=True) as avatar:
        await start(avatar, stage)
        if not agent_first:
            await stage.start_agent()
        await stage.agent_session.say("hello", audio=tone(seconds=1.0)).wait_for_playout()
        await stage.viewer.until_heard("agent", seconds=0.9)
        assert avatar.state == "joining"


async def test_an_avatar_that_leaves_gives_the_word_back_to_the_voice(stage: CallStage) -> None:
    told: list[tuple[str, str]] = []
    await stage.start_agent()
    async with AvatarSession("mock", leave_after=0.5, **SMALL_FACE) as avatar:
        avatar.on("state_changed", lambda event: told.append((event.old_state, event.new_state)))
        await start(avatar, stage)
        await eventually(lambda: avatar.state == "voice_only")
        await stage.agent_session.say("hello", audio=tone(seconds=0.5)).wait_for_playout()
        await stage.viewer.until_heard("agent", seconds=0.4)
        assert ("live", "voice_only") in told


async def test_an_avatar_that_comes_back_speaks_again(stage: CallStage) -> None:
    told: list[tuple[str, str]] = []
    await stage.start_agent()
    async with AvatarSession("mock", rejoin_after=0.3, away=0.5, **SMALL_FACE) as avatar:
        avatar.on("state_changed", lambda event: told.append((event.old_state, event.new_state)))
        await start(avatar, stage)
        await eventually(lambda: ("voice_only", "live") in told)
        await until_listened_to(stage, MOCK)
        since = time.monotonic()
        await stage.agent_session.say("hello", audio=tone(seconds=0.5)).wait_for_playout()
        await stage.viewer.until_heard(MOCK, seconds=0.4, since=since)


async def test_the_agent_is_heard_while_the_provider_takes_its_time_to_answer(
    stage: CallStage,
) -> None:
    answers = asyncio.Event()

    async def slowly(request: StartRequest, make: Make) -> StartedSession:
        await answers.wait()
        return make()

    await stage.start_agent()
    with registered(ScriptedProvider(on_start=slowly)):
        avatar = AvatarSession("scripted", policy=AvatarPolicy(join_timeout=0.5))
        starting = asyncio.create_task(start(avatar, stage))
        said = stage.agent_session.say("are you there?", audio=tone(seconds=0.5))
        await asyncio.wait_for(said.wait_for_playout(), 20)
        heard = stage.viewer.heard["agent"]
        await stage.viewer.until(lambda: bool(heard.loud_times()), timeout=15)
        assert not starting.done()
        answers.set()
        await starting
        await avatar.aclose()
