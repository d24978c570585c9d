"""A provider that misbehaves while its avatar speaks, or when it is to end it."""

from __future__ import annotations

import asyncio

import pytest

from avatar_core import AvatarPolicy, AvatarSession
from avatar_core.testing.call_footprint import footprint, nothing_left_behind
from avatar_core.testing.call_stage import CallStage
from tests.calls.counting_provider import agent_is_heard, counting, settled
from tests.calls.faulty_provider import FAULTS, SECRET, FaultyProvider, shorten_deadlines, speaks
from tests.session.scripted_provider import eventually

POLICY = AvatarPolicy(start_timeout=0.3, end_timeout=0.3)


@pytest.fixture(autouse=True)
def _deadlines_are_short(monkeypatch: pytest.MonkeyPatch) -> None:
    shorten_deadlines(monkeypatch)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("hook", ["prewarm", "keep_alive", "agent_state_changed"])
async def test_a_hook_that_only_helps_harms_no_call(
    stage: CallStage, hook: str, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    await stage.start_agent()
    await agent_is_heard(stage)
    before = footprint(stage)
    faulty = FaultyProvider(faults={hook: fault})
    with counting(faulty):
        avatar = AvatarSession("faulty", policy=POLICY)
        await asyncio.wait_for(avatar.prewarm(), 10)
        await avatar.start(stage.agent_session, stage.room, **stage.credentials)
        await avatar.wait_for_join(timeout=10)
        await speaks(stage)
        await eventually(lambda: faulty.calls[hook] >= (1 if hook == "prewarm" else 2))
        assert avatar.state == "live"
        # Not told in time is no reason to hold anybody up.
        await asyncio.wait_for(avatar.aclose(), 10)
        await settled()
    assert faulty.all_ended_once()
    assert SECRET not in caplog.text
    await nothing_left_behind(stage, before)
    await agent_is_heard(stage)


@pytest.mark.parametrize("fault", [*FAULTS[:-1]])
async def test_an_end_that_fails_in_any_way_is_asked_for_again_until_it_is_acknowledged(
    stage: CallStage, fault: str
) -> None:
    await stage.start_agent()
    await agent_is_heard(stage)
    before = footprint(stage)
    faulty = FaultyProvider(faults={"end_session": fault})
    with counting(faulty):
        avatar = AvatarSession("faulty", policy=POLICY)
        await avatar.start(stage.agent_session, stage.room, **stage.credentials)
        await avatar.wait_for_join(timeout=10)
        await asyncio.wait_for(avatar.aclose(), 5)
        assert (avatar.state, len(faulty.live)) == ("closed", 1)
        await eventually(lambda: faulty.calls["end_session"] >= 2)
        await agent_is_heard(stage)
        faulty.heal()
        await settled()
    assert faulty.all_ended_once()
    await nothing_left_behind(stage, before)


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_session_that_its_provider_cannot_name_is_asked_for_until_it_can(
    stage: CallStage, fault: str
) -> None:
    await stage.start_agent()
    await agent_is_heard(stage)
    before = footprint(stage)
    faulty = FaultyProvider(faults={"recover_session": fault})
    with counting(faulty):
        avatar = AvatarSession("faulty", policy=POLICY)
        await avatar.start(stage.agent_session, stage.room, **stage.credentials)
        assert avatar.state == "voice_only"
        await agent_is_heard(stage)
        await asyncio.wait_for(avatar.aclose(), 5)
        await eventually(lambda: faulty.calls["recover_session"] >= 2)
        assert len(faulty.live) == 1
        faulty.heal()
        await settled()
    assert faulty.all_ended_once()
    await nothing_left_behind(stage, before)
    await agent_is_heard(stage)
