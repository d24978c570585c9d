"""A hook that blocks the event loop past its deadline has failed, whatever it then returns."""

from __future__ import annotations

import time

import pytest

from avatar_core import AvatarPolicy, AvatarSession, Provider
from avatar_core.contract.errors import ProviderError, ProviderTimeoutError
from avatar_core.contract.models import StartedSession, StartRequest
from avatar_core.testing.call_footprint import own_tasks
from avatar_core.testing.call_stage import CallStage
from tests.session.scripted_provider import (
    Make,
    RecoveringProvider,
    ScriptedProvider,
    eventually,
    registered,
)

DEADLINE = 0.3
BLOCKED = 0.6


async def blocks_and_succeeds(request: StartRequest, make: Make) -> StartedSession:
    time.sleep(BLOCKED)  # noqa: ASYNC251 - what a careless provider does
    return make()


async def test_a_session_made_by_a_hook_that_blocked_past_its_deadline_is_ended_not_used(
    stage: CallStage,
) -> None:
    provider = RecoveringProvider(on_start=blocks_and_succeeds)
    policy = AvatarPolicy(start_timeout=DEADLINE, on_failure="raise")
    with registered(provider):
        avatar = AvatarSession("scripted", policy=policy)
        with pytest.raises(ProviderError, match="the event loop stood still") as caught:
            await avatar.start(stage.agent_session, stage.room, **stage.credentials)
        await eventually(lambda: own_tasks() == ())

    error = avatar.attempts[0].error
    assert isinstance(error, ProviderTimeoutError)
    assert str(error) == str(caught.value)
    assert error.provider == "scripted"
    assert f"past its deadline of {DEADLINE:g} s" in str(error)
    assert avatar.attempts[0].duration >= BLOCKED
    assert avatar.state == "closed"
    assert (provider.made, provider.live) == (1, {})
    assert [request.session.session_id for request in provider.end_requests] == ["scripted-1"]
    assert provider.recoveries == [], "the session is known: there is nothing to find out"


async def test_ending_a_late_session_goes_on_until_it_is_acknowledged(stage: CallStage) -> None:
    failures = iter([ConnectionError("lost"), ConnectionError("lost again")])

    async def on_end(request: object) -> None:
        for failure in failures:
            raise failure

    provider = ScriptedProvider(on_start=blocks_and_succeeds, on_end=on_end)
    with registered(provider):
        avatar = AvatarSession("scripted", policy=AvatarPolicy(start_timeout=DEADLINE))
        await avatar.start(stage.agent_session, stage.room, **stage.credentials)
        assert avatar.state == "voice_only"
        await eventually(lambda: provider.live == {})
        assert len(provider.end_requests) == 3
        await avatar.aclose()
        await eventually(lambda: own_tasks() == ())


async def test_after_a_late_start_the_next_candidate_is_tried(stage: CallStage) -> None:
    late = ScriptedProvider("late", on_start=blocks_and_succeeds)
    prompt = ScriptedProvider("prompt")
    with registered(late, prompt):
        candidates = [Provider("late"), Provider("prompt")]
        async with AvatarSession(candidates, policy=AvatarPolicy(start_timeout=DEADLINE)) as avatar:
            await avatar.start(stage.agent_session, stage.room, **stage.credentials)
            assert avatar.provider == "prompt"
            await eventually(lambda: late.live == {})
            assert len(prompt.live) == 1
    assert prompt.live == {}


async def test_a_hook_that_blocks_and_returns_within_its_deadline_is_used(stage: CallStage) -> None:
    provider = ScriptedProvider(on_start=blocks_and_succeeds)
    with registered(provider):
        async with AvatarSession(
            "scripted", policy=AvatarPolicy(start_timeout=BLOCKED + 20)
        ) as avatar:
            await avatar.start(stage.agent_session, stage.room, **stage.credentials)
            assert avatar.state == "joining"
            assert len(provider.live) == 1
    assert provider.live == {}
