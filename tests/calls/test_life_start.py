from __future__ import annotations

import asyncio
import dataclasses
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from livekit import rtc

from avatar_core import AvatarPolicy, AvatarSession
from avatar_core.contract.errors import (
    ConfigurationError,
    ProviderAuthError,
    ProviderError,
    ProviderQuotaError,
    ProviderUnavailableError,
    SessionStateError,
    StartUncertainError,
)
from avatar_core.contract.hookspecs import hookimpl
from avatar_core.contract.models import StartedSession, StartRequest
from avatar_core.testing.call_footprint import footprint, nothing_left_behind, own_tasks
from avatar_core.testing.call_stage import CallStage, tone
from tests.session.scripted_provider import (
    Make,
    RecoveringProvider,
    ScriptedProvider,
    eventually,
    registered,
)

RAISE = AvatarPolicy(on_failure="raise")


@pytest.fixture
def cloud() -> Iterator[ScriptedProvider]:
    provider = ScriptedProvider()
    with registered(provider):
        yield provider


async def start(avatar: AvatarSession, stage: CallStage) -> None:
    await avatar.start(stage.agent_session, stage.room, **stage.credentials)


def failing(error: BaseException) -> Any:
    async def on_start(request: StartRequest, make: Make) -> StartedSession:
        raise error

    return on_start


# --- one start, one session --------------------------------------------------------------------


async def test_one_start_makes_one_session(stage: CallStage, cloud: ScriptedProvider) -> None:
    async with AvatarSession("scripted") as avatar:
        await start(avatar, stage)

        assert avatar.state == "joining"
        assert avatar.session_id == "scripted-1"
        assert avatar.provider == "scripted"
        assert avatar.avatar_identity == "scripted-avatar-agent"
        assert [attempt.error for attempt in avatar.attempts] == [None]
    assert (cloud.made, cloud.live) == (1, {})


async def test_of_two_starts_at_once_one_pays_and_the_other_is_refused(
    stage: CallStage, cloud: ScriptedProvider
) -> None:
    async with AvatarSession("scripted") as avatar:
        outcomes = await asyncio.gather(
            start(avatar, stage), start(avatar, stage), return_exceptions=True
        )

        assert sorted(type(outcome).__name__ for outcome in outcomes) == [
            "NoneType",
            "SessionStateError",
        ]
        assert cloud.made == 1
        assert avatar.state == "joining"
    assert cloud.live == {}


async def test_a_second_start_is_refused_and_harms_nothing(
    stage: CallStage, cloud: ScriptedProvider
) -> None:
    async with AvatarSession("scripted") as avatar:
        await start(avatar, stage)
        with pytest.raises(SessionStateError, match="start\\(\\) works once"):
            await start(avatar, stage)
        assert (cloud.made, len(cloud.live), avatar.state) == (1, 1, "joining")


async def test_start_after_aclose_is_refused(stage: CallStage, cloud: ScriptedProvider) -> None:
    avatar = AvatarSession("scripted")
    await avatar.aclose()
    assert avatar.state == "closed"
    with pytest.raises(SessionStateError, match="closed"):
        await start(avatar, stage)
    assert cloud.made == 0


# --- a provider that fails ---------------------------------------------------------------------


async def test_a_failing_provider_leaves_the_agent_its_voice_and_says_so(
    stage: CallStage, caplog: pytest.LogCaptureFixture
) -> None:
    error = ProviderUnavailableError("the service is down", status_code=503, request_id="req_7")
    provider = ScriptedProvider(on_start=failing(error))
    await stage.start_agent()
    before = footprint(stage)
    with registered(provider):
        avatar = AvatarSession("scripted")
        await start(avatar, stage)

        assert avatar.state == "voice_only"
        assert avatar.attempts[0].error is error
        assert "the service is down (status 503, request id req_7)" in caplog.text
        assert footprint(stage).chain == before.chain
        await avatar.aclose()
    await nothing_left_behind(stage, before)


@pytest.mark.parametrize("avatar_first", [True, False], ids=["avatar first", "session first"])
async def test_raise_undoes_everything_and_closes(stage: CallStage, avatar_first: bool) -> None:
    provider = ScriptedProvider(on_start=failing(ProviderQuotaError("no credits left")))
    if not avatar_first:
        await stage.start_agent()
    before = footprint(stage)
    with registered(provider):
        avatar = AvatarSession("scripted", policy=RAISE)
        with pytest.raises(ProviderQuotaError, match="scripted: no credits left"):
            await start(avatar, stage)

        assert avatar.state == "closed"
        await nothing_left_behind(stage, before)
        with pytest.raises(SessionStateError, match="make a new AvatarSession"):
            await start(avatar, stage)


@pytest.mark.parametrize(
    "error",
    [ProviderAuthError("the key was refused"), ConfigurationError("no such avatar")],
    ids=["refused credentials", "mistake in the configuration"],
)
async def test_mistakes_raise_whatever_the_policy_says(stage: CallStage, error: Exception) -> None:
    await stage.start_agent()
    before = footprint(stage)
    with registered(ScriptedProvider(on_start=failing(error))):
        avatar = AvatarSession("scripted", policy=AvatarPolicy(on_failure="voice"))
        with pytest.raises(type(error), match=str(error.args[0])):
            await start(avatar, stage)
    assert avatar.state == "closed"
    await nothing_left_behind(stage, before)


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("boom, sk-secret-1"),
        asyncio.CancelledError(),
        asyncio.TimeoutError(),
        StopIteration("x"),
        SessionStateError("not the provider's to raise"),
        AssertionError(),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_an_error_no_provider_should_raise_is_an_uncertain_start_and_is_looked_into(
    stage: CallStage, error: BaseException
) -> None:
    async def on_start(request: StartRequest, make: Make) -> StartedSession:
        make()
        raise error

    provider = RecoveringProvider(on_start=on_start)
    with registered(provider):
        avatar = AvatarSession("scripted", policy=RAISE)
        with pytest.raises(ProviderError) as caught:
            await start(avatar, stage)
        assert "sk-secret-1" not in str(caught.value) + repr(caught.value)
        assert avatar.state == "closed"
        await eventually(lambda: provider.made == 1 and not provider.live)


@pytest.mark.parametrize(
    "answer", [None, "mock_1", 7, {"id": "x"}], ids=["None", "text", "number", "mapping"]
)
async def test_an_answer_that_is_no_session_is_an_uncertain_start(
    stage: CallStage, answer: object
) -> None:
    async def on_start(request: StartRequest, make: Make) -> Any:
        make()
        return answer

    provider = RecoveringProvider(on_start=on_start)
    with registered(provider):
        avatar = AvatarSession("scripted", policy=RAISE)
        with pytest.raises(StartUncertainError, match="did not return a StartedSession"):
            await start(avatar, stage)
        await eventually(lambda: provider.made == 1 and not provider.live)


@pytest.mark.parametrize("flaw", [{"audio": None}, {"audio": {}}, {"identities": ["face"]}])
async def test_a_session_that_cannot_be_used_is_ended_and_the_agent_speaks(
    stage: CallStage, flaw: dict[str, Any]
) -> None:
    async def on_start(request: StartRequest, make: Make) -> StartedSession:
        return dataclasses.replace(make(), **flaw)

    provider = ScriptedProvider(on_start=on_start)
    await stage.start_agent()
    with registered(provider):
        async with AvatarSession("scripted") as avatar:
            await start(avatar, stage)
            assert avatar.state == "voice_only"
            assert next(iter(flaw)) in str(avatar.attempts[0].error)
            await eventually(lambda: provider.live == {})


async def test_an_uncertain_start_is_recovered_with_its_own_key_and_ended(
    stage: CallStage,
) -> None:
    async def on_start(request: StartRequest, make: Make) -> StartedSession:
        make()
        raise StartUncertainError("the answer was lost")

    provider = RecoveringProvider(on_start=on_start)
    with registered(provider):
        async with AvatarSession("scripted") as avatar:
            await start(avatar, stage)
            assert avatar.state == "voice_only"
        assert provider.live == {}
    request = provider.recoveries[0]
    assert request.idempotency_key == provider.requests[0].idempotency_key
    assert isinstance(request.error, StartUncertainError)
    assert provider.end_requests[0].session.session_id == "scripted-1"


async def test_an_uncertain_start_that_made_nothing_ends_nothing(stage: CallStage) -> None:
    provider = RecoveringProvider(on_start=failing(StartUncertainError("the answer was lost")))
    with registered(provider):
        async with AvatarSession("scripted") as avatar:
            await start(avatar, stage)
    assert len(provider.recoveries) == 1
    assert provider.end_requests == []


async def test_recovery_is_asked_again_until_it_answers(stage: CallStage) -> None:
    async def on_start(request: StartRequest, make: Make) -> StartedSession:
        make()
        raise StartUncertainError("the answer was lost")

    provider = RecoveringProvider(on_start=on_start, recovery_failures=2)
    with registered(provider):
        async with AvatarSession("scripted") as avatar:
            await start(avatar, stage)
        assert len(provider.recoveries) == 3
        assert provider.live == {}


async def test_an_uncertain_start_at_a_provider_that_cannot_tell_is_logged_as_an_error(
    stage: CallStage, cloud: ScriptedProvider, caplog: pytest.LogCaptureFixture
) -> None:
    with registered(ScriptedProvider("mute", on_start=failing(StartUncertainError("lost")))):
        async with AvatarSession("mute") as avatar:
            await start(avatar, stage)
    assert "its provider cannot tell" in caplog.text


# --- starts that take too long -----------------------------------------------------------------


async def test_a_start_that_ends_after_its_deadline_is_ended(stage: CallStage) -> None:
    go_on = asyncio.Event()

    async def on_start(request: StartRequest, make: Make) -> StartedSession:
        await go_on.wait()
        return make()

    provider = ScriptedProvider(on_start=on_start)
    with registered(provider):
        avatar = AvatarSession("scripted", policy=AvatarPolicy(start_timeout=0.2, end_timeout=0.2))
        await start(avatar, stage)
        assert avatar.state == "voice_only"
        assert type(avatar.attempts[0].error).__name__ == "ProviderTimeoutError"
        await avatar.aclose()
        assert provider.made == 0, "it must still hang: the test is about a late answer"

        go_on.set()
        await eventually(lambda: provider.made == 1 and not provider.live)
        await eventually(lambda: own_tasks() == ())


async def test_a_hanging_start_does_not_hold_up_its_caller(stage: CallStage) -> None:
    never = asyncio.Event()

    async def on_start(request: StartRequest, make: Make) -> StartedSession:
        await never.wait()
        raise ProviderUnavailableError("gave up")

    provider = ScriptedProvider(on_start=on_start)
    loop = asyncio.get_running_loop()
    with registered(provider):
        avatar = AvatarSession(
            "scripted", policy=AvatarPolicy(start_timeout=0.3, end_timeout=0.3, on_failure="raise")
        )
        began = loop.time()
        with pytest.raises(ProviderError, match="did not finish within 0.3 s"):
            await start(avatar, stage)
        assert loop.time() - began < 3
        assert avatar.state == "closed"
        never.set()
        await eventually(lambda: own_tasks() == ())


async def test_a_slow_start_within_its_deadline_is_used(stage: CallStage) -> None:
    async def on_start(request: StartRequest, make: Make) -> StartedSession:
        await asyncio.sleep(0.3)
        return make()

    provider = ScriptedProvider(on_start=on_start)
    with registered(provider):
        async with AvatarSession("scripted") as avatar:
            await start(avatar, stage)
            assert avatar.state == "joining"
            assert avatar.attempts[0].duration >= 0.3
            assert len(provider.live) == 1
    assert provider.live == {}


async def test_a_plain_start_function_runs_in_a_thread_while_the_loop_goes_on(
    stage: CallStage,
) -> None:
    class Plain(ScriptedProvider):
        @hookimpl
        def start_session(self, request: StartRequest) -> StartedSession:  # type: ignore[override]
            self.thread = threading.current_thread()
            assert released.wait(10), "the loop stood still"
            return self.make(request)

    released = threading.Event()
    provider = Plain()
    with registered(provider):
        async with AvatarSession("scripted") as avatar:
            asyncio.get_running_loop().call_later(0.1, released.set)
            await start(avatar, stage)
            assert provider.thread is not threading.main_thread()
            assert provider.thread.daemon
    assert provider.live == {}


# --- several providers -------------------------------------------------------------------------


async def test_the_next_provider_is_tried_and_every_attempt_is_written_down(
    stage: CallStage,
) -> None:
    first = ScriptedProvider("first", on_start=failing(ProviderUnavailableError("down")))
    second = ScriptedProvider("second", on_start=failing(ProviderQuotaError("no credits")))
    third = ScriptedProvider("third")
    with registered(first, second, third):
        async with AvatarSession(["first", "second", "third"]) as avatar:
            assert avatar.provider == "first"
            await start(avatar, stage)

            assert (avatar.provider, avatar.session_id) == ("third", "third-1")
            assert avatar.avatar_identity == "third-avatar-agent"
            assert [(a.provider, type(a.error).__name__) for a in avatar.attempts] == [
                ("first", "ProviderUnavailableError"),
                ("second", "ProviderQuotaError"),
                ("third", "NoneType"),
            ]
    assert third.live == {}


async def test_refused_credentials_are_not_hidden_by_the_next_provider(stage: CallStage) -> None:
    first = ScriptedProvider("first", on_start=failing(ProviderAuthError("the key was refused")))
    second = ScriptedProvider("second")
    with registered(first, second):
        avatar = AvatarSession(["first", "second"])
        with pytest.raises(ProviderAuthError):
            await start(avatar, stage)
        assert second.made == 0
        assert avatar.state == "closed"


async def test_when_all_providers_fail_the_last_error_is_raised(stage: CallStage) -> None:
    first = ScriptedProvider("first", on_start=failing(ProviderUnavailableError("down")))
    second = ScriptedProvider("second", on_start=failing(ProviderQuotaError("no credits")))
    with registered(first, second):
        avatar = AvatarSession(["first", "second"], policy=RAISE)
        with pytest.raises(ProviderQuotaError, match="second: no credits"):
            await start(avatar, stage)
        assert len(avatar.attempts) == 2


async def test_each_candidate_has_a_key_of_its_own(stage: CallStage) -> None:
    first = ScriptedProvider("first", on_start=failing(ProviderUnavailableError("down")))
    second = ScriptedProvider("second")
    with registered(first, second):
        async with AvatarSession(["first", "second"]) as avatar:
            await start(avatar, stage)
    assert first.requests[0].idempotency_key != second.requests[0].idempotency_key


# --- where it is started -----------------------------------------------------------------------


async def test_an_unconnected_room_outside_a_job_is_a_plain_error(
    stage: CallStage, cloud: ScriptedProvider
) -> None:
    avatar = AvatarSession("scripted")
    with pytest.raises(ConfigurationError, match=r"await room\.connect\(url, token\)"):
        await avatar.start(stage.agent_session, rtc.Room(), **stage.credentials)
    assert (avatar.state, cloud.requests) == ("closed", [])


async def test_missing_settings_are_named_all_at_once(
    stage: CallStage, cloud: ScriptedProvider
) -> None:
    avatar = AvatarSession("scripted")
    with pytest.raises(
        ConfigurationError,
        match="set LIVEKIT_URL, LIVEKIT_API_KEY, LIVEKIT_API_SECRET, or pass livekit_url,",
    ):
        await avatar.start(stage.agent_session, stage.room)
    assert cloud.requests == []


async def test_settings_come_from_the_environment(
    stage: CallStage, cloud: ScriptedProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in stage.credentials.items():
        monkeypatch.setenv(name.upper(), value)
    async with AvatarSession("scripted") as avatar:
        await avatar.start(stage.agent_session, stage.room)
        assert cloud.requests[0].room is not None
        assert cloud.requests[0].room.url == stage.server.url


async def test_a_url_in_the_clear_is_refused_unless_it_is_allowed(
    stage: CallStage, cloud: ScriptedProvider
) -> None:
    settings = {**stage.credentials, "livekit_url": "ws://livekit.internal:7880"}
    with pytest.raises(ConfigurationError, match=r"ws://livekit\.internal is not encrypted"):
        await AvatarSession("scripted").start(stage.agent_session, stage.room, **settings)
    assert cloud.requests == []


async def test_off_needs_nothing_and_does_nothing(
    stage: CallStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AVATAR_PROVIDER", "off")
    await stage.start_agent()
    before = footprint(stage)
    async with AvatarSession() as avatar:
        await avatar.start(stage.agent_session, stage.room)
        await avatar.wait_for_join(timeout=0.1)

        assert (avatar.state, avatar.provider, avatar.avatar_identity) == ("voice_only", "off", "")
        assert footprint(stage).chain == before.chain
    await nothing_left_behind(stage, before)


async def test_a_second_avatar_for_an_agent_that_has_a_live_one_is_refused(
    stage: CallStage,
) -> None:
    first, second = ScriptedProvider("first", joins=True), ScriptedProvider("second")
    with registered(first, second):
        await stage.start_agent()
        async with AvatarSession("first") as avatar:
            await start(avatar, stage)
            await avatar.wait_for_join(timeout=15)
            other = AvatarSession("second")
            with pytest.raises(ConfigurationError, match="this AgentSession has another avatar"):
                await start(other, stage)
            assert (avatar.state, other.state, second.made) == ("live", "closed", 0)


async def test_a_second_avatar_for_an_agent_that_waits_for_one_is_refused(
    stage: CallStage,
) -> None:
    first, second = ScriptedProvider("first"), ScriptedProvider("second")
    with registered(first, second):
        await stage.start_agent()
        async with AvatarSession("first") as avatar:
            await start(avatar, stage)
            with pytest.raises(ConfigurationError, match="this AgentSession has another avatar"):
                await start(AvatarSession("second"), stage)
            assert (avatar.state, second.made) == ("joining", 0)


async def test_a_second_avatar_is_refused_while_the_first_may_come_back(stage: CallStage) -> None:
    first, second = ScriptedProvider("first"), ScriptedProvider("second")
    with registered(first, second):
        await stage.start_agent()
        async with AvatarSession("first", policy=AvatarPolicy(join_timeout=0.1)) as avatar:
            await start(avatar, stage)
            await eventually(lambda: avatar.state == "voice_only")
            with pytest.raises(ConfigurationError, match="this AgentSession has another avatar"):
                await start(AvatarSession("second"), stage)
            assert second.made == 0


async def test_of_two_avatars_that_start_while_the_agent_speaks_one_is_refused(
    stage: CallStage,
) -> None:
    first, second = ScriptedProvider("first"), ScriptedProvider("second")
    with registered(first, second):
        await stage.start_agent()
        speech = stage.agent_session.say("hello", audio=tone(seconds=3))
        await stage.viewer.until(lambda: stage.viewer.heard["agent"].loud_seconds() > 0.2)
        async with AvatarSession("first") as avatar:
            await start(avatar, stage)
            with pytest.raises(ConfigurationError, match="this AgentSession has another avatar"):
                await start(AvatarSession("second"), stage)
            assert (avatar.state, second.made) == ("joining", 0)
            me = stage.room.local_participant
            await eventually(lambda: me.attributes.get("avatar.state") == "joining")
        _ = speech.interrupt()


async def test_both_may_close_at_once(stage: CallStage) -> None:
    provider = ScriptedProvider(joins=True)
    with registered(provider):
        avatar = AvatarSession("scripted")
        await start(avatar, stage)
        await stage.start_agent()
        await avatar.wait_for_join(timeout=15)
        _ = stage.agent_session.say("hello", audio=tone(seconds=3))
        await asyncio.gather(avatar.aclose(), stage.agent_session.aclose())
        names = [p.name for p in stage.room.local_participant.track_publications.values()]
        await eventually(lambda: own_tasks() == ())
        assert (avatar.state, provider.live, names) == ("closed", {}, [])


async def test_a_new_object_gives_the_same_agent_a_face_again(stage: CallStage) -> None:
    provider = ScriptedProvider(joins=True)
    await stage.start_agent()
    before = footprint(stage)
    with registered(provider):
        for round_ in range(1, 4):
            async with AvatarSession("scripted") as avatar:
                await start(avatar, stage)
                await avatar.wait_for_join(timeout=15)
                assert avatar.session_id == f"scripted-{round_}"
            await nothing_left_behind(stage, before)
    assert provider.live == {}


async def test_identity_and_name_are_the_callers(stage: CallStage, cloud: ScriptedProvider) -> None:
    async with AvatarSession(
        "scripted", avatar_participant_identity="face-7", avatar_participant_name="Fay"
    ) as avatar:
        assert avatar.avatar_identity == "face-7"
        await start(avatar, stage)
    assert (cloud.requests[0].identity, cloud.requests[0].name) == ("face-7", "Fay")


async def test_it_is_livekits_avatar_session_as_well(cloud: ScriptedProvider) -> None:
    from livekit.agents.voice.avatar import AvatarSession as LiveKitAvatarSession

    assert isinstance(AvatarSession("scripted"), LiveKitAvatarSession)
