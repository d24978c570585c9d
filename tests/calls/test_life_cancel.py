from __future__ import annotations

import asyncio

import pytest

from avatar_core import AvatarPolicy, AvatarSession
from avatar_core.contract.errors import SessionStateError
from avatar_core.contract.models import StartedSession, StartRequest
from avatar_core.testing.call_footprint import footprint, nothing_left_behind
from avatar_core.testing.call_stage import CallStage
from tests.session.held_calls import HeldMint, HeldStart
from tests.session.scripted_provider import Make, ScriptedProvider, eventually, registered

TURNS = (*range(1, 12), 16, 24, 40)


@pytest.fixture(autouse=True)
def _moments_are_turns_of_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    # A thread writes the journal, and how many turns that takes is the disk's concern.
    monkeypatch.setenv("AVATAR_JOURNAL", "off")


def begin(avatar: AvatarSession, stage: CallStage) -> asyncio.Task[None]:
    starting = avatar.start(stage.agent_session, stage.room, **stage.credentials)
    return asyncio.create_task(starting)


async def turn_over(turns: int) -> None:
    for _ in range(turns):
        await asyncio.sleep(0)


async def slowly(request: StartRequest, make: Make) -> StartedSession:
    """Take some loop turns before and after the session exists."""
    await turn_over(4)
    started = make()
    await turn_over(4)
    return started


@pytest.mark.parametrize("agent_started", [True, False], ids=["session first", "avatar first"])
async def test_a_start_cancelled_at_any_moment_undoes_all_it_did(
    stage: CallStage, agent_started: bool
) -> None:
    provider = ScriptedProvider(on_start=slowly)
    if agent_started:
        await stage.start_agent()
    before = footprint(stage)
    with registered(provider):
        moments = set()
        for turns in TURNS:
            avatar = AvatarSession("scripted")
            starting = begin(avatar, stage)
            await turn_over(turns)
            finished = starting.done()
            moments.add((len(provider.live), finished))
            starting.cancel()
            await asyncio.wait([starting])

            if finished:
                assert avatar.state == "joining"
                await avatar.aclose()
            assert (turns, avatar.state) == (turns, "closed")
            assert (turns, provider.live) == (turns, {})
            await nothing_left_behind(stage, before)
        assert moments == {(0, False), (1, False), (1, True)}, "before, in and after the start"


@pytest.mark.parametrize("agent_started", [True, False], ids=["session first", "avatar first"])
async def test_aclose_during_a_start_at_any_moment_undoes_all_it_did(
    stage: CallStage, agent_started: bool
) -> None:
    provider = ScriptedProvider(on_start=slowly)
    if agent_started:
        await stage.start_agent()
    before = footprint(stage)
    with registered(provider):
        for turns in (0, *TURNS):
            avatar = AvatarSession("scripted")
            starting = begin(avatar, stage)
            await turn_over(turns)
            await avatar.aclose()
            (outcome,) = await asyncio.gather(starting, return_exceptions=True)

            assert outcome is None or isinstance(outcome, SessionStateError), turns
            assert (turns, avatar.state) == (turns, "closed")
            assert (turns, provider.live) == (turns, {})
            await nothing_left_behind(stage, before)


async def test_a_start_cancelled_while_the_token_is_minted_starts_nothing(
    stage: CallStage,
) -> None:
    provider = HeldMint()
    before = footprint(stage)
    with registered(provider):
        avatar = AvatarSession("scripted")
        starting = begin(avatar, stage)
        await provider.minting()
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting
    assert provider.requests == []
    assert avatar.state == "closed"
    await nothing_left_behind(stage, before)


async def test_a_cancelled_start_does_not_cut_the_request_off_and_ends_its_late_success(
    stage: CallStage,
) -> None:
    held = HeldStart()
    provider = ScriptedProvider(on_start=held)
    before = footprint(stage)
    with registered(provider):
        avatar = AvatarSession("scripted")
        starting = begin(avatar, stage)
        await held.begun()
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(starting, 10)
        assert avatar.state == "closed"
        assert (provider.made, held.cut_off) == (0, False)

        held.go_on()
        await eventually(lambda: provider.made == 1 and provider.live == {})
        assert not held.cut_off
        await nothing_left_behind(stage, before)


async def test_aclose_during_a_hanging_start_is_bounded(stage: CallStage) -> None:
    held = HeldStart()
    provider = ScriptedProvider(on_start=held)
    before = footprint(stage)
    loop = asyncio.get_running_loop()
    with registered(provider):
        avatar = AvatarSession("scripted", policy=AvatarPolicy(end_timeout=0.3))
        starting = begin(avatar, stage)
        await held.begun()
        began = loop.time()
        await avatar.aclose()
        assert loop.time() - began < 3
        with pytest.raises(SessionStateError, match="closed while it started"):
            await starting

        held.go_on()
        await eventually(lambda: provider.made == 1 and provider.live == {})
        await nothing_left_behind(stage, before)


async def test_cancelling_aclose_does_not_stop_the_ending(stage: CallStage) -> None:
    go_on = asyncio.Event()

    async def on_end(request: object) -> None:
        await go_on.wait()

    provider = ScriptedProvider(on_end=on_end)
    with registered(provider):
        avatar = AvatarSession("scripted")
        await avatar.start(stage.agent_session, stage.room, **stage.credentials)
        closing = asyncio.create_task(avatar.aclose())
        await eventually(lambda: bool(provider.end_requests))
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing
        assert avatar.state == "closing"

        go_on.set()
        await avatar.aclose()
    assert (avatar.state, provider.live, len(provider.end_requests)) == ("closed", {}, 1)
