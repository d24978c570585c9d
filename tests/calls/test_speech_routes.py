from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from avatar_core import AvatarPolicy, AvatarSession, register_provider, unregister_provider
from avatar_core.contract.audio_routes import Sink
from avatar_core.contract.errors import AvatarNotJoinedError
from avatar_core.contract.hookspecs import hookimpl
from avatar_core.contract.models import EndRequest, ProviderInfo, StartedSession, StartRequest
from avatar_core.contract.options import ProviderOptions
from avatar_core.testing.call_stage import CallStage
from avatar_core.testing.playback_log import PlaybackLog
from avatar_core.testing.speech_sound import sweep
from tests.audio.hand_output import HandOutput
from tests.calls.avatar_in_call import avatar_in


class NoRoom(ProviderOptions):
    """Its avatar runs where the agent runs, in no room."""

    @property
    def joins_room(self) -> bool:
        return False


class SinkProvider:
    """A provider that takes speech in the agent's process, by an output of its own."""

    def __init__(self, route: Sink) -> None:
        self.route = route
        self.started = self.ended = 0

    @hookimpl
    def describe_provider(self) -> ProviderInfo:
        return ProviderInfo(name="in-process", title="Sink", options=NoRoom, tokens="none")

    @hookimpl
    async def start_session(self, request: StartRequest) -> StartedSession:
        self.started += 1
        return StartedSession(session_id="one", identities=(), audio=self.route)

    @hookimpl
    async def end_session(self, request: EndRequest) -> None:
        self.ended += 1


@asynccontextmanager
async def speaking_into(
    stage: CallStage, route: Sink, *, recoveries: int = 0
) -> AsyncIterator[AvatarSession]:
    provider = SinkProvider(route)
    register_provider(provider, name="in-process", replace=True)
    await stage.start_agent()
    avatar = AvatarSession("in-process", policy=AvatarPolicy(max_recoveries=recoveries))
    await avatar.start(stage.agent_session, stage.room, **stage.credentials)
    try:
        yield avatar
    finally:
        await avatar.aclose()
        unregister_provider("in-process")
        assert provider.ended == provider.started == recoveries + 1


async def test_a_sink_of_the_providers_own_gets_the_frames_as_they_came(stage: CallStage) -> None:
    hand = HandOutput()
    async with speaking_into(stage, Sink(output=hand)):
        log = PlaybackLog(stage.agent_session.output.audio)
        speech = sweep(seconds=1, sample_rate=16000, channels=2)
        handle = stage.agent_session.say("in stereo", audio=speech)
        await hand.until("flush")
        assert {(frame.sample_rate, frame.num_channels) for frame in hand.frames} == {(16000, 2)}
        assert hand.seconds == pytest.approx(1)
        hand.start()
        hand.finish(1.0)
        await asyncio.wait_for(handle.wait_for_playout(), 5)
        assert log.order == "spf"


async def test_a_sink_is_fed_when_it_is_ready_and_asked_for_that_once(stage: CallStage) -> None:
    hand, go = HandOutput(), asyncio.Event()
    asked: list[int] = []

    async def ready() -> None:
        asked.append(1)
        await go.wait()

    async with speaking_into(stage, Sink(output=hand, ready=ready)):
        handle = stage.agent_session.say("not yet", audio=sweep(seconds=0.5))
        await PlaybackLog(stage.agent_session.output.audio).captured()
        await asyncio.wait_for(stage.agent_session.interrupt(), 5)
        await asyncio.wait_for(handle.wait_for_playout(), 5)
        assert hand.calls == []
        handle = stage.agent_session.say("now", audio=sweep(seconds=0.5))
        go.set()
        await hand.until("flush")
        hand.start()
        hand.finish(0.5)
        await asyncio.wait_for(handle.wait_for_playout(), 5)
        assert asked == [1]


async def test_a_sink_that_blocks_holds_neither_an_interruption_nor_the_end_up(
    stage: CallStage,
) -> None:
    hand = HandOutput()
    hand.blocked = asyncio.Event()
    async with speaking_into(stage, Sink(output=hand)) as avatar:
        handle = stage.agent_session.say("into a wall", audio=sweep(seconds=3))
        await hand.until("block")
        await asyncio.wait_for(stage.agent_session.interrupt(), 5)
        await asyncio.wait_for(handle.wait_for_playout(), 5)
        _ = stage.agent_session.say("and again", audio=sweep(seconds=0.6))
        await hand.until("block", count=2)
        await asyncio.wait_for(avatar.aclose(), 5)
        await stage.viewer.until_heard("agent", seconds=0.3)


async def test_a_sink_that_raises_leaves_the_agent_to_its_voice(stage: CallStage) -> None:
    hand = HandOutput()
    hand.fails = RuntimeError("the vendor's sink is broken")
    async with speaking_into(stage, Sink(output=hand)) as avatar:
        log = PlaybackLog(stage.agent_session.output.audio)
        for _ in range(2):
            handle = stage.agent_session.say("by the voice", audio=sweep(seconds=0.5))
            await asyncio.wait_for(handle.wait_for_playout(), 5)
        assert [event.interrupted for event in log.finished] == [False, False]
        assert avatar.state == "voice_only"
        await stage.viewer.until_heard("agent", seconds=0.8)


async def test_an_avatar_whose_sink_goes_on_failing_is_given_up(stage: CallStage) -> None:
    hand = HandOutput()
    hand.fails = RuntimeError("the vendor's sink is broken")
    async with speaking_into(stage, Sink(output=hand), recoveries=2) as avatar:
        log = PlaybackLog(stage.agent_session.output.audio)
        for count in (1, 2, 3):
            await avatar.wait_for_join(timeout=10)
            handle = stage.agent_session.say("by the voice", audio=sweep(seconds=0.5))
            await asyncio.wait_for(handle.wait_for_playout(), 5)
            assert len(log.finished) == count
            assert not log.finished[-1].interrupted
        with pytest.raises(AvatarNotJoinedError):
            await avatar.wait_for_join(timeout=10)
        assert avatar.state == "voice_only"


async def test_a_mock_without_a_worker_counts_speech_as_heard_at_once(stage: CallStage) -> None:
    async with avatar_in(stage, worker="none", wait=False) as avatar:
        assert avatar.state == "live"
        log = PlaybackLog(stage.agent_session.output.audio)
        loop = asyncio.get_running_loop()
        began = loop.time()
        for _ in range(3):
            await stage.agent_session.say("a minute", audio=sweep(seconds=20)).wait_for_playout()
        assert loop.time() - began < 15
        assert log.order.count("f") == 3
        assert [event.playback_position for event in log.finished] == pytest.approx([20] * 3)
        assert await stage.identities() == ["agent", "viewer"]
