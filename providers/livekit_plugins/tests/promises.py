"""What a wrapped plugin is held to, whoever its vendor is.

Positions heard are compared, not stopwatches: each sentence is a rising tone whose pitch says
which moment of it is heard.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from livekit.agents import APIConnectOptions

from avatar_core import (
    AvatarError,
    AvatarPolicy,
    AvatarSession,
    Provider,
    ProviderAuthError,
    ProviderError,
)
from avatar_core.testing.avatar_call import AvatarCall, open_avatar_call
from avatar_core.testing.call_stage import CallStage
from avatar_core.testing.speech_sound import assert_whole, read_sweep, since, sweep

from .doubles import DOUBLES, VendorDouble

PEER, PEER_OF_THE_PEER = "tavus", "bey"
"""From whom the others take over in mid-call, and from whom it does itself."""

PATIENCE = 30.0
"""Seconds that whatever is waited for may take."""

SENTENCE = 1.2
"""Seconds."""

LONG = 6.0

BUSY = 0.3
"""Seconds more that are lost where sound is late."""

QUICK = APIConnectOptions(max_retry=1, retry_interval=0.1, timeout=1.0)
"""How hard a plugin may try."""

HANG = 2.0
"""Seconds a start may take where the vendor does not answer."""

BOUND = 10.0
"""Seconds within which such a start is over on a busy machine, its cleaning up too."""


def name(double: VendorDouble) -> str:
    """Return the provider that wraps the vendor's plugin."""
    return f"livekit.{double.vendor}"


def avatar_of(double: VendorDouble, policy: AvatarPolicy, **options: Any) -> AvatarSession:
    """Make a session at the double; not started."""
    given = {**double.options(), **options}
    return AvatarSession(name(double), policy=policy, conn_options=QUICK, **given)


def lost_at_most(double: VendorDouble) -> float:
    """Seconds of a sentence that may be lost with the worker, on a machine that may be busy.

    Where the worker does not say when it begins to play, it is taken to begin at once.
    """
    return BUSY + (0.3 if double.reports_start else 1.0)


async def it_speaks(call: AvatarCall) -> None:
    """What the agent says is heard from the avatar, whole, once, and from nobody else."""
    assert_whole(await call.says(SENTENCE), seconds=SENTENCE)
    agent = call.stage.viewer.heard[call.stage.agent_identity]
    assert agent.loud_seconds() == 0, "the agent's own voice was heard as well"
    assert call.avatar.state == "live"


async def it_is_interrupted(call: AvatarCall) -> None:
    """An interrupted avatar falls silent, and how far it came is known."""
    began = time.monotonic()
    handle = call.begin_saying(LONG)
    await call.stage.viewer.until_heard(call.avatar.avatar_identity, seconds=0.8, since=began)
    await asyncio.wait_for(call.stage.agent_session.interrupt(), PATIENCE)
    await asyncio.wait_for(handle.wait_for_playout(), PATIENCE)
    await call.until_silent(seconds=0.6)
    heard = call.heard(since_time=began)
    assert heard.last < LONG - 2, f"it went on to {heard.last:.2f} of {LONG} s"
    finished = call.log.finished[-1]
    assert finished.interrupted
    # Told by the worker, or taken from the clock where it is late: no more than a rough position.
    assert 0.3 < finished.playback_position < LONG - 1, finished


async def it_is_paused_and_resumed(call: AvatarCall, double: VendorDouble) -> None:
    """A paused avatar is silent and goes on where it was, as after a false interruption."""
    began, seconds = time.monotonic(), 2 * SENTENCE
    before = len(call.log.finished)
    handle = call.begin_saying(seconds)
    await call.stage.viewer.until_heard(call.avatar.avatar_identity, seconds=0.6, since=began)
    call.log.output.pause()
    await call.until_silent(seconds=0.6)
    assert call.heard(since_time=began).last < seconds - 0.3, "it was not paused"
    assert len(call.log.finished) == before, "the segment was finished while it was paused"
    call.log.output.resume()
    await asyncio.wait_for(handle.wait_for_playout(), PATIENCE)
    lost = lost_at_most(double)
    await heard_nearly(call.stage, call.avatar.avatar_identity, seconds - lost, since=began)
    assert_whole(call.heard(since_time=began), seconds=seconds, missing=lost, repeated=0.3 + lost)
    assert [each.interrupted for each in call.log.finished[before:]] == [False]


async def it_gives_the_voice_back(call: AvatarCall, double: VendorDouble) -> None:
    """After the close the agent speaks by its own voice, and the avatar has left."""
    await asyncio.wait_for(call.avatar.aclose(), PATIENCE)
    assert call.avatar.state == "closed"
    await the_voice_speaks(call.stage)
    await nobody_else_is_there(call.stage)
    if double.ends:
        assert double.ended == [each.id for each in double.created], "the vendor was not told"


async def the_sentence_goes_on_at(
    double: VendorDouble, stage: CallStage, avatar: AvatarSession
) -> None:
    """A switch in mid-sentence from another vendor goes on with the sentence."""
    viewer, former = stage.viewer, avatar.avatar_identity
    # Brought in before: a busy machine may take longer for that than the sentence.
    standby = await asyncio.wait_for(avatar.prepare(name(double), **double.options()), PATIENCE)
    await viewer.until_seen(standby.avatar_identity)
    handle = stage.agent_session.say("a long sentence", audio=sweep(seconds=LONG))
    await viewer.until_heard(former, seconds=1.0)
    await asyncio.wait_for(avatar.switch(standby), PATIENCE)
    latter = avatar.avatar_identity
    assert (avatar.state, avatar.provider) == ("live", name(double))
    assert latter != former
    await asyncio.wait_for(handle.wait_for_playout(), PATIENCE)
    await viewer.until_heard(latter, seconds=0.5)
    await viewer.until_silent(latter, seconds=0.6)
    both = read_sweep(viewer.heard[former].samples, viewer.heard[latter].samples)
    assert_whole(both, seconds=LONG, missing=1.0, repeated=1.0)
    assert viewer.heard[stage.agent_identity].loud_seconds() == 0, "the voice has no part in it"
    await viewer.until(lambda: former not in viewer.room.remote_participants, timeout=PATIENCE)


async def the_voice_goes_on_when_its_worker_dies(
    double: VendorDouble, stage: CallStage, avatar: AvatarSession
) -> None:
    """The rest of a sentence is heard by voice."""
    viewer, identity = stage.viewer, avatar.avatar_identity
    began = time.monotonic()
    handle = stage.agent_session.say("a long sentence", audio=sweep(seconds=LONG))
    await viewer.until_heard(identity, seconds=1.0, since=began)
    await double.kill()
    await asyncio.wait_for(handle.wait_for_playout(), PATIENCE)
    await viewer.until_heard(stage.agent_identity, seconds=1.0, since=began)
    await viewer.until_silent(stage.agent_identity, seconds=0.6)
    assert avatar.state == "voice_only"
    heard = [since(viewer.heard[each], began) for each in (identity, stage.agent_identity)]
    both, lost = read_sweep(*heard), lost_at_most(double)
    assert_whole(both, seconds=LONG, missing=lost, repeated=1.5)


async def a_refused_key_is_told(double: VendorDouble, stage: CallStage) -> None:
    """401 raises ProviderAuthError whatever the policy, once, and starts nothing."""
    error = await failed_start(double, stage, on_failure="voice", **double.options(key="wrong"))
    assert isinstance(error, ProviderAuthError), repr(error)
    assert not double.created


async def a_vendor_that_is_down_is_told(double: VendorDouble, stage: CallStage) -> None:
    """503 raises ProviderError, also from plugins that fail silently."""
    double.down = True
    error = await failed_start(double, stage)
    double.down = False
    assert isinstance(error, ProviderError), repr(error)
    assert not isinstance(error, ProviderAuthError), repr(error)
    assert not double.created


async def a_hang_is_bounded(double: VendorDouble, stage: CallStage) -> None:
    """A vendor that does not answer holds a start no longer than the policy says."""
    await asyncio.to_thread(double.api.fail, "slow")
    began = time.monotonic()
    error = await failed_start(double, stage)
    took = time.monotonic() - began
    await asyncio.to_thread(double.api.heal)
    assert isinstance(error, ProviderError), repr(error)
    assert took < HANG + BOUND, f"it took {took:.1f} s"


async def a_dropped_answer_leaves_nobody(double: VendorDouble, stage: CallStage) -> None:
    """Where the vendor accepted and its answer was lost, no avatar stays in the room."""
    before = len(double.created)
    await asyncio.to_thread(double.api.fail, "dropped", at=double.creates_at)
    error = await failed_start(double, stage)
    await asyncio.to_thread(double.api.heal)
    assert isinstance(error, ProviderError), repr(error)
    assert len(double.created) == before + 1, "the vendor was asked for another"


async def one_that_never_joins_is_replaced(double: VendorDouble, stage: CallStage) -> None:
    """While one is waited for that never joins, the voice speaks; then the next candidate does."""
    double.joins = False
    before = len(double.created)
    policy = AvatarPolicy(join_timeout=5.0, while_joining="voice")
    first, second = Provider(name(double), **double.options()), Provider("mock", size=64, fps=10)
    avatar = AvatarSession([first, second], policy=policy, conn_options=QUICK)
    async with open_avatar_call(stage, avatar, join=False, patience=PATIENCE) as call:
        assert avatar.state == "joining", avatar.state
        await the_voice_speaks(stage)
        await avatar.wait_for_join(timeout=PATIENCE)
        await call.until_listened_to()
        assert avatar.provider == "mock"
        assert len(double.created) == before + 1, "it was started again"
        assert_whole(await call.says(SENTENCE), seconds=SENTENCE)
    double.joins = True
    await nobody_else_is_there(stage)


async def failed_start(
    double: VendorDouble, stage: CallStage, *, on_failure: Any = "raise", **options: Any
) -> BaseException:
    """Start and return what it raised; the agent speaks by its own voice afterwards."""
    avatar = avatar_of(double, AvatarPolicy(start_timeout=HANG, on_failure=on_failure), **options)
    try:
        with pytest.raises(AvatarError) as raised:
            await asyncio.wait_for(
                avatar.start(stage.agent_session, stage.room, **stage.credentials), HANG + BOUND
            )
    finally:
        await avatar.aclose()
    await nobody_else_is_there(stage)
    return raised.value


async def the_voice_speaks(stage: CallStage) -> None:
    """What the agent says now is heard from the agent itself."""
    began, agent = time.monotonic(), stage.agent_identity
    handle = stage.agent_session.say("by voice", audio=sweep(seconds=SENTENCE))
    await asyncio.wait_for(handle.wait_for_playout(), PATIENCE)
    await heard_nearly(stage, agent, SENTENCE, since=began)
    heard = read_sweep(since(stage.viewer.heard[agent], began))
    assert_whole(heard, seconds=SENTENCE)


async def heard_nearly(stage: CallStage, identity: str, seconds: float, *, since: float) -> None:
    """Wait until most of a sentence was heard, and then silence.

    On a busy machine sound comes late and with holes, and a pause does not mean its end.
    """
    await stage.viewer.until_heard(identity, seconds=0.7 * seconds, since=since)
    await stage.viewer.until_silent(identity, seconds=0.6, timeout=PATIENCE)


async def nobody_else_is_there(stage: CallStage) -> None:
    """Agent and viewer are alone in the room, at the latest soon."""
    alone = sorted([stage.agent_identity, stage.viewer.room.local_participant.identity])
    deadline = time.monotonic() + PATIENCE
    while (there := await stage.identities()) != alone:
        assert time.monotonic() < deadline, f"{there} are in the room"
        await asyncio.sleep(0.05)  # the server announces it to nobody outside


def peer_of(double: VendorDouble) -> VendorDouble:
    """Return another vendor, on the same server, to come from."""
    return DOUBLES[PEER if double.vendor != PEER else PEER_OF_THE_PEER](double.api)
