from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from livekit import rtc
from livekit.agents import AgentSession

from avatar_core.audio.audio_end import AudioEnd
from avatar_core.audio.avatar_end import AvatarEnd
from avatar_core.audio.front_sink import FrontSink
from avatar_core.contract.audio_routes import Sink
from avatar_core.session.speech_route import SpeechRoute
from avatar_core.testing.playback_log import PlaybackLog
from tests.audio.hand_output import HandOutput, speech, turns

BROKEN = pytest.mark.parametrize(
    "broken",
    [RuntimeError("the vendor's sink is broken"), asyncio.CancelledError()],
    ids=["raises", "cancels"],
)


class Replaced:
    """A front sink with a failing end, which another one stands in for."""

    def __init__(self) -> None:
        self.front = FrontSink()
        self.failing, self.voice = HandOutput(), HandOutput()
        self.errors: list[Exception] = []
        self.log = PlaybackLog(self.front)

    def use_failing(self) -> None:
        self.front.use(
            AudioEnd(name="avatar", output=self.failing, on_failure=self._failed, stop_timeout=5.0)
        )

    def _failed(self, error: Exception) -> None:
        self.errors.append(error)
        self.front.use(self.voice.end())

    async def assert_said_by_the_voice(self, *, seconds: float) -> None:
        await self.voice.until("flush")
        assert self.voice.seconds == pytest.approx(seconds, abs=0.01)
        self.voice.start()
        self.voice.finish(self.voice.seconds)
        ended = await asyncio.wait_for(self.front.wait_for_playout(), 2)
        assert not ended.interrupted
        assert ended.playback_position == pytest.approx(1.0)
        assert self.front.idle


@pytest.fixture
async def replaced() -> AsyncIterator[Replaced]:
    the = Replaced()
    yield the
    await the.front.aclose()


@BROKEN
async def test_what_a_failing_end_did_not_say_is_said_by_the_next(
    replaced: Replaced, broken: BaseException
) -> None:
    replaced.failing.fails = broken
    replaced.use_failing()
    await replaced.front.capture_frame(speech(seconds=1.0))
    replaced.front.flush()
    await replaced.assert_said_by_the_voice(seconds=1.0)
    assert len(replaced.errors) == 1


@BROKEN
async def test_an_end_that_fails_in_mid_sentence_is_ended_and_silenced_first(
    replaced: Replaced, broken: BaseException
) -> None:
    replaced.use_failing()
    await replaced.front.capture_frame(speech(seconds=0.4))
    await replaced.failing.until("capture")
    replaced.failing.start()
    replaced.failing.fails = broken
    await replaced.front.capture_frame(speech(seconds=0.6))
    replaced.front.flush()
    await replaced.failing.until("clear")
    assert replaced.failing.calls == ["capture", "flush", "clear"]
    assert replaced.voice.calls == [], "two ends must not speak at once"
    replaced.failing.finish(0.3, interrupted=True)
    await replaced.assert_said_by_the_voice(seconds=0.7)
    # Ended as it should be, it counts the next segment as one of its own.
    replaced.failing.fails = None
    before = replaced.failing.captured_playout_segments
    await replaced.failing.capture_frame(speech(seconds=0.1))
    assert replaced.failing.captured_playout_segments == before + 1


async def test_a_failing_end_that_says_nothing_any_more_holds_nobody_up(
    replaced: Replaced,
) -> None:
    replaced.use_failing()
    await replaced.front.capture_frame(speech(seconds=0.4))
    await replaced.failing.until("capture")
    replaced.failing.fails = RuntimeError("gone")
    await replaced.front.capture_frame(speech(seconds=0.6))
    replaced.front.flush()
    await asyncio.wait_for(replaced.assert_said_by_the_voice(seconds=1.0), 2)


async def test_an_end_that_cannot_get_ready_is_replaced() -> None:
    front, voice = FrontSink(), HandOutput()

    async def ready() -> None:
        raise OSError("no such face")

    front.use(
        AudioEnd(
            name="avatar",
            output=HandOutput(),
            ready=ready,
            on_failure=lambda _: front.use(voice.end(stop_timeout=0.05)),
        )
    )
    await front.capture_frame(speech(seconds=1.0))
    front.flush()
    await voice.until("flush")
    assert voice.seconds == pytest.approx(1.0)
    await front.aclose()


async def test_a_failing_end_that_nobody_replaces_is_not_asked_again(replaced: Replaced) -> None:
    errors: list[Exception] = []
    replaced.failing.fails = RuntimeError("broken")
    replaced.front.use(AudioEnd(name="voice", output=replaced.failing, on_failure=errors.append))
    for count in (1, 2):
        await replaced.front.capture_frame(speech(seconds=0.2))
        replaced.front.flush()
        ended = await asyncio.wait_for(replaced.front.wait_for_playout(), 2)
        assert ended.interrupted
        assert len(errors) == count


async def test_an_end_that_cannot_be_silenced_does_not_fail_a_pause(replaced: Replaced) -> None:
    class Loud(HandOutput):
        def clear_buffer(self) -> None:
            raise RuntimeError("no")

    loud = Loud()
    replaced.front.use(loud.end(stop_timeout=0.05))
    await replaced.front.capture_frame(speech(seconds=0.2))
    await loud.until("capture")
    replaced.front.pause()
    replaced.front.clear_buffer()
    replaced.front.flush()
    assert (await asyncio.wait_for(replaced.front.wait_for_playout(), 2)).interrupted


async def test_a_failing_sink_is_told_to_the_session_and_what_it_needed_is_given_back() -> None:
    session: AgentSession[None] = AgentSession()
    route = SpeechRoute(agent_session=session, room=rtc.Room())
    hand, errors = HandOutput(), list[Exception]()
    waiting, given_back = asyncio.Event(), asyncio.Event()

    async def never_ready() -> None:
        waiting.set()
        try:
            await asyncio.Event().wait()
        finally:
            given_back.set()

    route.begin(hold=True)

    def avatar(sink: Sink) -> AvatarEnd:
        return AvatarEnd(room=rtc.Room(), audio=sink, report_lag=0.0, on_failure=errors.append)

    first = avatar(Sink(output=hand, ready=never_ready))
    route.use_avatar(first)
    front = session.output.audio
    assert front is not None
    await front.capture_frame(speech(seconds=0.2))
    front.flush()
    await asyncio.wait_for(waiting.wait(), 1)
    await route.drop_avatar(first)
    assert given_back.is_set()
    assert errors == [], "left on purpose is not a failure"

    hand.fails = RuntimeError("broken")
    front.clear_buffer()
    await asyncio.wait_for(front.wait_for_playout(), 1)
    route.use_avatar(avatar(Sink(output=hand)))
    await front.capture_frame(speech(seconds=0.2))
    front.flush()
    await asyncio.wait_for(front.wait_for_playout(), 1)
    await turns()
    assert errors == [hand.fails]
    await route.close()
