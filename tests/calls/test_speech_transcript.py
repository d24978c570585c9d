from __future__ import annotations

import asyncio

import pytest

from avatar_core.testing.call_stage import CallStage
from avatar_core.testing.playback_log import PlaybackLog
from avatar_core.testing.speech_sound import sweep
from tests.calls.avatar_in_call import Order, avatar_in

AVATAR = "mock-avatar-agent"
WORDS = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen"


@pytest.mark.parametrize("order", ["avatar first", "session first"])
async def test_the_transcript_of_a_whole_sentence_is_all_that_was_said(
    stage: CallStage, order: Order
) -> None:
    async with avatar_in(stage, order=order):
        log = PlaybackLog(stage.agent_session.output.audio)
        for _ in range(2):
            await stage.agent_session.say(WORDS, audio=sweep(seconds=2)).wait_for_playout()
        assert [event.synchronized_transcript for event in log.finished] == [WORDS] * 2


async def test_the_transcript_of_an_interrupted_sentence_is_its_beginning(
    stage: CallStage,
) -> None:
    async with avatar_in(stage):
        log = PlaybackLog(stage.agent_session.output.audio)
        handle = stage.agent_session.say(WORDS, audio=sweep(seconds=5))
        await stage.viewer.until_heard(AVATAR, seconds=2)
        await asyncio.wait_for(stage.agent_session.interrupt(), 5)
        await asyncio.wait_for(handle.wait_for_playout(), 5)
        said = log.finished[0].synchronized_transcript
        assert said is not None
        assert WORDS.startswith(said.strip())
        assert 2 <= len(said.split()) <= 10


async def test_a_pause_does_not_lose_the_transcript(stage: CallStage) -> None:
    async with avatar_in(stage):
        output = stage.agent_session.output.audio
        assert output is not None
        log = PlaybackLog(output)
        handle = stage.agent_session.say(WORDS, audio=sweep(seconds=2))
        await stage.viewer.until_heard(AVATAR, seconds=0.8)
        output.pause()
        await stage.viewer.until_silent(AVATAR)
        output.resume()
        await asyncio.wait_for(handle.wait_for_playout(), 10)
        assert log.finished[0].synchronized_transcript == WORDS


async def test_the_rest_said_by_the_voice_is_in_the_transcript(stage: CallStage) -> None:
    async with avatar_in(stage) as avatar:
        log = PlaybackLog(stage.agent_session.output.audio)
        handle = stage.agent_session.say(WORDS, audio=sweep(seconds=3))
        await stage.viewer.until_heard(AVATAR, seconds=1)
        await avatar.aclose()
        await asyncio.wait_for(handle.wait_for_playout(), 10)
        assert log.finished[0].synchronized_transcript == WORDS
