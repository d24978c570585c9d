"""Clauses about speech: heard whole, interrupted, paused, reported once a segment."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from livekit import rtc

from avatar_core.audio.playback_rpc import PLAYBACK_FINISHED
from avatar_core.contract.audio_routes import DataStream
from avatar_core.testing.avatar_call import AvatarCall
from avatar_core.testing.conformance.adoption import Adoption
from avatar_core.testing.conformance.clauses import clause
from avatar_core.testing.conformance.subject import Subject
from avatar_core.testing.speech_sound import assert_whole

SENTENCE = 1.2
"""Seconds."""

_LONG_SENTENCE = 6.0
_POSITION_SECONDS = 0.25
_REPORT_SECONDS = 2.0


class Speaking(Adoption):
    """How it speaks."""

    @clause("speaks", "what the agent says is heard from the avatar, whole, and from nobody else.")
    async def test_speaks(self, conformance: Subject) -> None:
        """Let it say a sentence."""
        async with conformance.call() as call:
            assert_whole(await call.says(SENTENCE), seconds=SENTENCE)
            agent = call.stage.viewer.heard[call.stage.agent_identity]
            assert agent.loud_seconds() == 0, "the agent's own voice was heard as well"
            assert call.avatar.state == "live", f"the session is {call.avatar.state} afterwards"

    @clause(
        "interrupted",
        "an interrupted avatar is silent at once, says how far it got, and speaks again.",
    )
    async def test_interrupted(self, conformance: Subject) -> None:
        """Cut a long sentence off."""
        async with conformance.call() as call:
            handle = call.begin_saying(_LONG_SENTENCE)
            await call.until_heard(0.8)
            moment = time.monotonic()
            await asyncio.wait_for(call.stage.agent_session.interrupt(), self.patience)
            await asyncio.wait_for(handle.wait_for_playout(), self.patience)
            await self._assert_silent(call, moment)
            heard = call.heard().last
            (finished,) = call.log.finished
            assert finished.interrupted, "its segment was not reported as interrupted"
            late = conformance.info.report_lag + 0.5
            assert abs(finished.playback_position - heard) < late, (
                f"{heard:.2f} s were heard and {finished.playback_position:.2f} s reported"
            )
            assert_whole(await call.says(SENTENCE), seconds=SENTENCE)

    @clause("paused", "a paused avatar is silent, and goes on where it was when it is resumed.")
    async def test_paused(self, conformance: Subject) -> None:
        """Pause in mid-sentence, as a false interruption does."""
        seconds = 2 * SENTENCE
        async with conformance.call() as call:
            handle = call.begin_saying(seconds)
            await call.until_heard(0.8)
            moment = time.monotonic()
            call.log.output.pause()
            await self._assert_silent(call, moment)
            assert not call.log.finished, "the segment was reported finished while it was paused"
            call.log.output.resume()
            await asyncio.wait_for(handle.wait_for_playout(), self.patience)
            await call.until_silent()
            assert_whole(call.heard(), seconds=seconds, repeated=0.5)
            assert [each.interrupted for each in call.log.finished] == [False]

    @clause(
        "reports",
        "the avatar reports the end of each segment once, when it has been played, with its"
        " length.",
    )
    async def test_reports(self, conformance: Subject) -> None:
        """Count the reports of three segments."""
        lengths = [0.6, 0.9, 0.6]
        async with conformance.call() as call:
            with _reports(call.stage.room.local_participant) as reports:
                for number, seconds in enumerate(lengths, start=1):
                    handle = call.begin_saying(seconds)
                    await asyncio.wait_for(handle.wait_for_playout(), self.patience)
                    over = time.monotonic()
                    last = await call.until_silent()
                    late = conformance.info.report_lag + _REPORT_SECONDS
                    assert over < last + late, f"the report came {over - last:.1f} s late, or never"
                    assert over > last - 0.5, "it was reported before it had been heard"
                    assert len(call.log.finished) == number, "a segment is one report"
                await call.until_silent(seconds=0.6)
            positions = [each.playback_position for each in call.log.finished]
            for position, seconds in zip(positions, lengths, strict=True):
                assert abs(position - seconds) < _POSITION_SECONDS, f"{positions} for {lengths}"
            session = conformance.recorder.started[-1]
            if isinstance(session.audio, DataStream):
                count = reports[session.audio.identity]
                assert count == len(lengths), f"{count} reports came for {len(lengths)} segments"

    async def _assert_silent(self, call: AvatarCall, moment: float) -> None:
        last = await call.until_silent(seconds=0.6)
        assert last < moment + self.silence_within, (
            f"it was heard for another {last - moment:.2f} s"
        )


@contextmanager
def _reports(agent: rtc.LocalParticipant) -> Iterator[Counter[str]]:
    """Count the reports of finished segments that arrive, by who sent them."""
    # There is no public way to look on (livekit rtc 1.1.21).
    handlers: dict[str, Any] = agent._rpc_handlers
    counted: Counter[str] = Counter()
    handler = handlers.get(PLAYBACK_FINISHED)
    if handler is None:  # speech goes another way
        yield counted
        return

    async def count(data: rtc.RpcInvocationData) -> str:
        counted[data.caller_identity] += 1
        answer: str = await handler(data)
        return answer

    handlers[PLAYBACK_FINISHED] = count
    try:
        yield counted
    finally:
        if handlers.get(PLAYBACK_FINISHED) is count:
            handlers[PLAYBACK_FINISHED] = handler
