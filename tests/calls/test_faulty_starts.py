"""A provider whose start fails in every way there is, wherever in a call it is started."""

from __future__ import annotations

import asyncio
from typing import Literal

import pytest

from avatar_core import AvatarPolicy, AvatarSession, ProviderError
from avatar_core.testing.call_footprint import footprint, nothing_left_behind
from avatar_core.testing.call_stage import CallStage
from tests.calls.counting_provider import (
    CountingProvider,
    agent_is_heard,
    broken,
    counting,
    settled,
)
from tests.calls.faulty_provider import FAULTS, SECRET, FaultyProvider, shorten_deadlines, speaks

Place = Literal["alone", "first of two", "in place of a lost one", "switched to"]

HOOKS = ("mint_token", "start_session", "start_session, made")
POLICY = AvatarPolicy(start_timeout=0.3, end_timeout=0.3, on_failure="raise")


@pytest.fixture(autouse=True)
def _deadlines_are_short(monkeypatch: pytest.MonkeyPatch) -> None:
    shorten_deadlines(monkeypatch)


async def error_at(place: Place, stage: CallStage, avatar: AvatarSession) -> BaseException | None:
    """Start the faulty provider in its place; returns what the attempt came to."""
    starting = avatar.start(stage.agent_session, stage.room, **stage.credentials)
    if place == "alone":
        with pytest.raises(ProviderError) as caught:
            await asyncio.wait_for(starting, 10)
        assert avatar.state == "closed"
        return caught.value
    await asyncio.wait_for(starting, 10)
    await avatar.wait_for_join(timeout=10)
    if place == "switched to":
        with pytest.raises(ProviderError) as caught:
            await asyncio.wait_for(avatar.switch("faulty"), 10)
        assert (avatar.state, avatar.session_id) == ("live", "1"), "the present one stays"
        await speaks(stage)
        return caught.value
    if place == "in place of a lost one":
        lost = asyncio.Event()

        def changed(_: object) -> None:
            if avatar.state == "voice_only":
                lost.set()

        avatar.on("state_changed", changed)
        await speaks(stage)
        await asyncio.wait_for(lost.wait(), 10)
        await avatar.wait_for_join(timeout=10)
    assert avatar.provider == "counting", "the next candidate has taken over"
    await speaks(stage)
    (failed,) = [each.error for each in avatar.attempts if each.provider == "faulty"]
    return failed


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize(
    "place", ["alone", "first of two", "in place of a lost one", "switched to"]
)
async def test_a_start_that_fails_in_any_way_harms_nothing_but_itself(
    stage: CallStage, place: Place, fault: str
) -> None:
    candidates = {
        "alone": ["faulty"],
        "first of two": ["faulty", "counting"],
        "in place of a lost one": ["breaking", "faulty", "counting"],
        "switched to": ["counting"],
    }[place]
    await stage.start_agent()
    await agent_is_heard(stage)
    before = footprint(stage)
    for hook in HOOKS:
        faulty = FaultyProvider(faults={hook: fault})
        others = (
            CountingProvider("breaking", audio=broken),
            CountingProvider("counting"),
        )
        with counting(faulty, *others):
            avatar = AvatarSession(candidates, policy=POLICY)
            error = await error_at(place, stage, avatar)
            assert isinstance(error, ProviderError), hook
            assert error.provider == "faulty", hook
            assert SECRET not in str(error) + repr(error), hook
            faulty.heal()
            await asyncio.wait_for(avatar.aclose(), 10)
            await settled()
        for provider in (faulty, *others):
            assert provider.all_ended_once(), (hook, provider.name)
        assert faulty.made == (hook == "start_session, made" or faulty.made)
        await nothing_left_behind(stage, before)
    await agent_is_heard(stage)
