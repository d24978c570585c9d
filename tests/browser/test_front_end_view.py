"""A front end shows the right avatar, in a real browser, from the join to the end of a call."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from avatar_core import AvatarPolicy, AvatarSession, Provider
from avatar_core.testing.call_stage import CallStage
from avatar_core.testing.speech_sound import sweep
from tests.browser.front_end import FrontEnd, Sightings, View
from tests.calls.mock_processes import worker_processes

FACE: dict[str, Any] = {"size": 256, "fps": 15}
FIRST = "mock-avatar-agent"
SECOND = "mock-avatar-agent-2"
THIRD = "mock-avatar-agent-3"

SPOKEN = 0.02
"""Energy in the browser's statistics of about half a second of speech."""

LOSS_SECONDS = 3.0
"""For how long a dead face may be shown, on a machine that may be busy."""

BLANK_SECONDS = 1.0
"""For how long nobody is shown where one avatar takes over from another, on such a machine."""

STILL_SECONDS = 3.0
"""For how long the picture shown stands still there."""

OLD_FACE_SECONDS = 4.0
"""For how long LiveKit's hooks show the one before, once it no longer speaks."""


def told(view: View) -> str:
    return view.told_video


def found(view: View) -> str:
    return view.found_video


def named(view: View) -> str:
    return view.identity


def shows(read: Callable[[View], str], identity: str) -> Callable[[View], bool]:
    return lambda view: read(view) == identity


def other_than(read: Callable[[View], str], identity: str) -> Callable[[View], bool]:
    return lambda view: read(view) != identity


async def say(stage: CallStage, *, seconds: float) -> None:
    handle = stage.agent_session.say("said", audio=sweep(seconds=seconds))
    await asyncio.wait_for(handle.wait_for_playout(), 20)


def assert_named_while_live(seen: Sightings) -> None:
    """The attributes go together, and a face is shown only while there is one."""
    for view in seen.views:
        assert bool(view.identity) == (view.state == "live"), view
        assert view.told_video in ("", view.identity), view
        assert view.agent in ("", "agent"), view


async def test_a_front_end_shows_the_avatar_not_a_dead_one_and_its_successor(
    stage: CallStage, front_end: FrontEnd
) -> None:
    candidate = Provider("mock", worker="process", **FACE)
    await stage.start_agent()
    async with AvatarSession([candidate, candidate]) as avatar:
        await front_end.until("view.found_audio === 'agent'")
        await asyncio.gather(
            say(stage, seconds=1), front_end.until_grown("energy", "agent", by=SPOKEN)
        )

        started = time.time()
        await avatar.start(stage.agent_session, stage.room, **stage.credentials)
        await front_end.until(f"view.told_video === '{FIRST}'")
        await front_end.until_grown("decoded", FIRST, by=8)

        sentence = asyncio.create_task(say(stage, seconds=5))
        await front_end.until_grown("energy", FIRST, by=SPOKEN)
        (worker,) = worker_processes()
        worker.kill()
        killed = time.time()
        await front_end.until("view.state === 'voice_only'")
        await front_end.until_grown("energy", "agent", by=SPOKEN)
        await sentence

        await front_end.until(f"view.told_video === '{SECOND}'")
        await front_end.until_grown("decoded", SECOND, by=8)
        await asyncio.gather(
            say(stage, seconds=1), front_end.until_grown("energy", SECOND, by=SPOKEN)
        )
    await front_end.until("view.state === 'closed' && view.workers.length === 0")

    seen = await front_end.sightings()
    before = [view for view in seen.views if view.at < started]
    assert not any(view.workers or view.told_video or view.found_video for view in before)
    assert seen.in_turn(told) == seen.in_turn(found) == [FIRST, SECOND]
    assert seen.in_turn(lambda view: view.told_audio) == ["agent", FIRST, "agent", SECOND, "agent"]
    # Started after the AgentSession, whose voice track LiveKit's hooks prefer, mute as it is.
    assert seen.in_turn(lambda view: view.found_audio) == ["agent"]
    assert_named_while_live(seen)
    for read in (told, found):
        assert seen.first(other_than(read, FIRST), since=killed) - killed < LOSS_SECONDS
    last = seen.views[-1]
    assert (last.told_video, last.found_video, last.told_audio) == ("", "", "agent")


async def test_a_front_end_shows_a_face_all_the_time_while_avatars_take_over(
    stage: CallStage, front_end: FrontEnd
) -> None:
    policy = AvatarPolicy(renew=True, max_session_seconds=12)
    async with AvatarSession("mock", policy=policy, **FACE) as avatar:
        await avatar.start(stage.agent_session, stage.room, **stage.credentials)
        await stage.start_agent()
        await front_end.until(f"view.told_video === '{FIRST}'")
        await front_end.until_grown("decoded", FIRST, by=2)
        began = time.time()
        await front_end.until(f"view.found_video === '{SECOND}'")  # renewed
        sentence = asyncio.create_task(say(stage, seconds=5))
        await front_end.until_grown("energy", SECOND, by=SPOKEN)
        await avatar.switch("mock", style="robot", **FACE)
        await front_end.until_grown("energy", THIRD, by=SPOKEN)
        await sentence
        await front_end.until(f"view.found_video === '{THIRD}'")
        ended = time.time()
    await front_end.until("view.state === 'closed' && view.workers.length === 0")

    seen = await front_end.sightings()
    assert seen.in_turn(told) == seen.in_turn(found) == [FIRST, SECOND, THIRD]
    # Started before the AgentSession, which then has no voice track of its own in the room.
    assert seen.in_turn(lambda view: view.found_audio) == [FIRST, SECOND, THIRD]
    assert_named_while_live(seen)
    assert seen.longest(shows(told, ""), since=began, until=ended) < BLANK_SECONDS
    assert seen.longest_still(told, since=began, until=ended) < STILL_SECONDS
    for former, latter in ((FIRST, SECOND), (SECOND, THIRD)):
        spoke = seen.first(shows(named, latter))
        early = [view for view in seen.views if view.at < spoke]
        assert not any(map(shows(found, latter), early)), f"{former} has the word"
        assert seen.first(shows(found, latter)) - spoke < OLD_FACE_SECONDS
