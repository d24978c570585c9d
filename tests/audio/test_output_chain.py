from __future__ import annotations

import asyncio

import pytest
from livekit.agents import AgentSession
from livekit.agents.voice.transcription.synchronizer import TranscriptSynchronizer

from avatar_core.audio.front_sink import FrontSink
from avatar_core.audio.output_chain import OutputChain
from tests.audio.hand_output import HandOutput, speech, turns


class UnheardLeaf(HandOutput):
    """As LiveKit's own sink while nobody has subscribed: a capture waits and is not counted."""

    def __init__(self) -> None:
        super().__init__()
        self.subscribed = asyncio.Event()
        self.blocked = self.subscribed


class Chain:
    """An AgentSession with LiveKit's synchronizer over a leaf, and a front sink to be put in."""

    def __init__(self) -> None:
        self.leaf = UnheardLeaf()
        self.synchronizer = TranscriptSynchronizer(
            next_in_chain_audio=self.leaf, next_in_chain_text=None
        )
        self.session: AgentSession[None] = AgentSession()
        self.session.output.audio = self.synchronizer.audio_output
        self.front = FrontSink()
        self.chain = OutputChain(agent_session=self.session, front=self.front)
        self.installed = asyncio.Event()

    async def greet(self) -> None:
        top = self.synchronizer.audio_output
        try:
            for _ in range(3):
                await top.capture_frame(speech(seconds=0.1))
        finally:
            top.flush()


async def test_a_greeting_that_waits_for_a_listener_is_said_whole_by_livekits_sink() -> None:
    the = Chain()
    greeting = asyncio.ensure_future(the.greet())
    await the.leaf.until("block")
    the.chain.install(the.installed.set)
    assert not the.installed.is_set()
    the.leaf.subscribed.set()
    await asyncio.wait_for(greeting, 1)
    assert len(the.leaf.frames) == 3
    assert the.front.idle
    assert not the.installed.is_set()
    the.leaf.start()
    the.leaf.finish(0.3)
    await turns()
    assert the.installed.is_set()
    assert the.chain.installed
    assert the.synchronizer.audio_output._pending_playback_count == 0
    await the.synchronizer.aclose()


async def test_a_greeting_that_nobody_ever_listens_to_does_not_keep_the_sink_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("avatar_core.audio.output_chain.PARKED_SECONDS", 0.05)
    the = Chain()
    greeting = asyncio.ensure_future(the.greet())
    await the.leaf.until("block")
    the.chain.install(the.installed.set)
    await asyncio.wait_for(the.installed.wait(), 10)
    assert the.chain.installed
    greeting.cancel()
    await asyncio.wait([greeting])
    await the.synchronizer.aclose()


async def test_a_greeting_cancelled_before_anybody_listened_is_not_waited_for() -> None:
    the = Chain()
    greeting = asyncio.ensure_future(the.greet())
    await the.leaf.until("block")
    greeting.cancel()
    await asyncio.wait([greeting])
    the.chain.install(the.installed.set)
    assert the.installed.is_set()
    await the.synchronizer.aclose()


async def test_a_sink_given_up_while_it_waits_does_not_go_in() -> None:
    the = Chain()
    the.leaf.subscribed.set()
    await the.greet()
    the.chain.install(the.installed.set)
    the.chain.restore()
    the.leaf.start()
    the.leaf.finish(0.3)
    await turns()
    assert not the.installed.is_set(), "given up before its turn came"
    await the.synchronizer.aclose()
