from __future__ import annotations

import asyncio
from collections.abc import Callable

import numpy as np
import pytest
from livekit.agents.voice.io import AudioOutput
from livekit.agents.voice.transcription.synchronizer import TranscriptSynchronizer

from avatar_core.audio.audio_end import AudioEnd
from avatar_core.audio.discard_output import DiscardOutput
from avatar_core.audio.front_sink import UNHEARD_LIMIT, FrontSink
from avatar_core.testing.playback_log import PlaybackLog
from tests.audio.hand_output import HandOutput, speech, turns


async def say(front: AudioOutput, *, seconds: float = 1.0) -> None:
    for _ in range(round(seconds * 10)):
        await front.capture_frame(speech(seconds=0.1))
    front.flush()


async def begin(front: FrontSink, hand: HandOutput, *, stop_timeout: float = 5.0) -> PlaybackLog:
    """Let an end have a second of speech and begin to play it; gives what the sink says of it."""
    log = PlaybackLog(front)
    front.use(hand.end(stop_timeout=stop_timeout))
    await say(front)
    await hand.until("flush")
    hand.start()
    return log


@pytest.fixture
def front() -> FrontSink:
    return FrontSink()


@pytest.fixture
def hand() -> HandOutput:
    return HandOutput()


async def test_held_speech_is_played_when_there_is_an_end(
    front: FrontSink, hand: HandOutput
) -> None:
    log = PlaybackLog(front)
    await say(front)
    await turns()
    assert log.events == []
    front.use(hand.end())
    await hand.until("flush")
    assert hand.seconds == pytest.approx(1.0)
    hand.start()
    hand.finish(1.0)
    await asyncio.wait_for(front.wait_for_playout(), 1)
    assert log.order == "spf"
    assert front.idle


async def test_a_segment_is_not_over_before_it_was_flushed(
    front: FrontSink, hand: HandOutput
) -> None:
    log = PlaybackLog(front)
    front.use(hand.end())
    await front.capture_frame(speech(seconds=0.1))
    await hand.until("capture")
    hand.start()
    hand.finish(0.1)  # an end that takes a gap for the end
    await turns()
    assert log.finished == []
    front.flush()
    await asyncio.wait_for(front.wait_for_playout(), 1)
    assert log.order == "spf"


async def test_cleared_before_the_end_was_fed_it_is_over_at_once(front: FrontSink) -> None:
    log = PlaybackLog(front)
    await say(front)
    front.clear_buffer()
    await asyncio.wait_for(front.wait_for_playout(), 1)
    assert log.order == "f"
    assert log.finished[0].interrupted
    assert log.finished[0].playback_position == 0.0


async def test_cleared_while_a_pause_is_being_acknowledged(
    front: FrontSink, hand: HandOutput
) -> None:
    log = await begin(front, hand)
    front.pause()
    await hand.until("clear")
    front.clear_buffer()
    await turns()
    assert log.finished == [], "the end has not said how far it got"
    hand.finish(0.4, interrupted=True)
    await asyncio.wait_for(front.wait_for_playout(), 1)
    assert log.order == "spf"
    assert log.finished[0].interrupted
    assert log.finished[0].playback_position == pytest.approx(0.4)
    assert hand.calls.count("clear") == 1


async def test_resumed_before_the_stop_was_acknowledged(front: FrontSink, hand: HandOutput) -> None:
    log = await begin(front, hand)
    front.pause()
    front.resume()
    hand.finish(0.35, interrupted=True)
    await hand.until("flush", count=2)
    assert hand.seconds == pytest.approx(1.0 + 0.65)
    hand.start()
    hand.finish(0.65)
    await asyncio.wait_for(front.wait_for_playout(), 1)
    assert log.order == "sppf"
    assert not log.finished[0].interrupted
    assert [(p.offset, p.duration) for p in log.progressed] == [
        (0.0, 0.35),
        (pytest.approx(0.35), pytest.approx(0.65)),
    ]


async def test_the_rest_begins_with_the_very_sample_after_the_last_heard(
    front: FrontSink, hand: HandOutput
) -> None:
    front.use(hand.end(stop_timeout=0.05))
    await front.capture_frame(speech(seconds=1.0))
    front.flush()
    await hand.until("flush")
    hand.start()
    front.pause()
    hand.finish(0.25, interrupted=True)
    front.resume()
    await hand.until("flush", count=2)
    rest = np.frombuffer(hand.frames[1].data, dtype=np.int16)
    assert rest[0] == 6000
    assert len(rest) == 18000
    await front.aclose()


async def test_the_end_changes_while_paused(front: FrontSink, hand: HandOutput) -> None:
    other = HandOutput()
    log = await begin(front, hand)
    front.pause()
    hand.finish(0.5, interrupted=True)
    await turns()
    front.use(other.end())
    await turns()
    assert other.calls == [], "paused is paused, whoever speaks"
    front.resume()
    await other.until("flush")
    assert other.seconds == pytest.approx(0.5)
    other.start()
    other.finish(0.5)
    await asyncio.wait_for(front.wait_for_playout(), 1)
    assert log.order == "sppf"


async def test_the_end_changes_while_it_is_being_stopped(
    front: FrontSink, hand: HandOutput
) -> None:
    other, third = HandOutput(), HandOutput()
    await begin(front, hand)
    front.use(other.end())
    front.use(third.end())
    await turns()
    assert other.calls == third.calls == [], "two ends must not speak at once"
    hand.finish(0.2, interrupted=True)
    await third.until("flush")
    assert other.calls == []
    assert third.seconds == pytest.approx(0.8)
    third.start()
    third.finish(0.8)
    await asyncio.wait_for(front.wait_for_playout(), 1)


async def test_played_to_its_end_in_the_moment_of_the_stop(
    front: FrontSink, hand: HandOutput
) -> None:
    log = await begin(front, hand)
    front.pause()
    hand.finish(1.0)
    await asyncio.wait_for(front.wait_for_playout(), 1)
    assert log.order == "spf"
    assert not log.finished[0].interrupted
    front.resume()
    await turns()
    assert hand.seconds == pytest.approx(1.0), "said twice"


async def test_an_end_that_never_says_how_far_it_got_holds_nobody_up(
    front: FrontSink, hand: HandOutput
) -> None:
    log = await begin(front, hand, stop_timeout=0.05)
    front.clear_buffer()
    await asyncio.wait_for(front.wait_for_playout(), 2)
    assert log.finished[0].interrupted
    assert log.finished[0].playback_position < 1.0


@pytest.mark.parametrize("frames", [0, 5])
async def test_an_end_that_fails_ends_the_segment_and_not_the_agent(
    front: FrontSink, hand: HandOutput, frames: int
) -> None:
    log = PlaybackLog(front)
    front.use(hand.end())
    for _ in range(frames):
        await front.capture_frame(speech(seconds=0.1))
    if frames:
        await hand.until("capture", count=frames)
        hand.start()
    hand.fails = RuntimeError("the vendor's sink is broken")
    await front.capture_frame(speech(seconds=0.1))
    front.flush()
    await asyncio.wait_for(front.wait_for_playout(), 2)
    assert len(log.finished) == 1
    assert log.finished[0].interrupted
    hand.fails = None
    hand.frames.clear()
    hand.calls.clear()
    await say(front)
    await hand.until("flush")
    hand.start()
    hand.finish(1.0)
    await asyncio.wait_for(front.wait_for_playout(), 2)
    assert not log.finished[1].interrupted


@pytest.mark.parametrize(
    "by",
    [lambda front, other: front.use(other), lambda front, _: front.pause()],
    ids=["another end", "pause"],
)
async def test_stopped_in_a_gap_of_the_tts_the_rest_is_said_when_it_comes(
    front: FrontSink, hand: HandOutput, by: Callable[[FrontSink, AudioEnd], None]
) -> None:
    log, other = PlaybackLog(front), HandOutput()
    front.use(hand.end())
    await front.capture_frame(speech(seconds=0.2))
    await hand.until("capture")
    hand.start()
    by(front, other.end())
    await hand.until("clear")
    hand.finish(0.2)  # it has played all it was sent, and nothing was cut off
    await turns()
    assert log.finished == []
    front.resume()
    front.use(other.end())
    await front.capture_frame(speech(seconds=0.5))
    front.flush()
    await other.until("flush")
    assert other.seconds == pytest.approx(0.5)
    other.start()
    other.finish(0.5)
    ended = await asyncio.wait_for(front.wait_for_playout(), 1)
    assert ended.playback_position == pytest.approx(0.7)
    assert not ended.interrupted


async def test_paused_in_a_gap_discarded_speech_counts_to_its_end(front: FrontSink) -> None:
    front.use(AudioEnd(name="discard", output=DiscardOutput(), mono=False))
    await front.capture_frame(speech(seconds=0.2))
    await turns()
    front.pause()
    await turns()
    front.resume()
    await front.capture_frame(speech(seconds=0.5))
    front.flush()
    ended = await asyncio.wait_for(front.wait_for_playout(), 1)
    assert ended.playback_position == pytest.approx(0.7)


async def test_a_frame_captured_after_the_close_is_over_at_once(front: FrontSink) -> None:
    await front.aclose()
    await front.capture_frame(speech(seconds=0.1))
    ended = await asyncio.wait_for(front.wait_for_playout(), 1)
    assert ended.interrupted
    assert front.idle


async def test_the_sink_is_not_idle_while_it_takes_a_first_frame(front: FrontSink) -> None:
    told: list[bool] = []
    capture = asyncio.ensure_future(front.capture_frame(speech(seconds=0.1)))
    await asyncio.sleep(0)
    front.when_idle(lambda: told.append(True))
    assert not front.idle
    assert told == []
    await capture
    front.flush()
    front.clear_buffer()
    await asyncio.wait_for(front.wait_for_playout(), 1)
    await turns()
    assert told == [True]


async def test_a_first_frame_that_is_cancelled_leaves_the_sink_idle(front: FrontSink) -> None:
    told: list[bool] = []
    capture = asyncio.ensure_future(front.capture_frame(speech(seconds=0.1)))
    await asyncio.sleep(0)
    front.when_idle(lambda: told.append(True))
    capture.cancel()
    await asyncio.wait([capture])
    assert told == [True]


async def test_an_end_that_blocks_in_capture_is_let_go_by_a_clear(
    front: FrontSink, hand: HandOutput
) -> None:
    hand.blocked = asyncio.Event()
    front.use(hand.end())
    await asyncio.wait_for(say(front, seconds=3), 1)
    await hand.until("block")
    front.clear_buffer()
    ended = await asyncio.wait_for(front.wait_for_playout(), 1)
    assert ended.interrupted
    assert ended.playback_position == 0.0


async def test_an_end_that_is_never_ready_is_let_go_by_another_end(
    front: FrontSink, hand: HandOutput
) -> None:
    async def never() -> None:
        await asyncio.Event().wait()

    front.use(AudioEnd(name="never", output=HandOutput(), ready=never))
    await say(front)
    await turns()
    front.use(hand.end(stop_timeout=0.05))
    await hand.until("flush")
    assert hand.seconds == pytest.approx(1.0)
    await front.aclose()


async def fill(front: AudioOutput) -> None:
    while True:
        capture = asyncio.ensure_future(front.capture_frame(speech(seconds=5)))
        done, _ = await asyncio.wait([capture], timeout=0.05)
        if not done:
            capture.cancel()
            await asyncio.wait([capture])
            return


@pytest.mark.parametrize(
    "let_go",
    [FrontSink.clear_buffer, lambda front: asyncio.ensure_future(front.aclose())],
    ids=["clear", "close"],
)
async def test_back_pressure_is_let_go(
    front: FrontSink, let_go: Callable[[FrontSink], object]
) -> None:
    await fill(front)
    waiting = asyncio.ensure_future(front.capture_frame(speech(seconds=1)))
    await turns()
    assert not waiting.done()
    closing = let_go(front)
    await asyncio.wait_for(waiting, 1)
    front.flush()
    if closing is not None:
        await asyncio.wait_for(asyncio.ensure_future(front.aclose()), 1)


async def test_back_pressure_is_let_go_by_playback(front: FrontSink, hand: HandOutput) -> None:
    await front.capture_frame(speech(seconds=UNHEARD_LIMIT + 1))
    front.flush()
    waiting = asyncio.ensure_future(front.capture_frame(speech(seconds=1)))
    await turns()
    assert not waiting.done()
    front.use(hand.end(stop_timeout=0.05))
    await hand.until("flush")
    hand.start()
    hand.finish(UNHEARD_LIMIT + 1)
    await asyncio.wait_for(waiting, 1)
    front.clear_buffer()
    front.flush()
    await front.aclose()


async def test_a_capture_cancelled_under_back_pressure_counts_nowhere_in_livekits_chain(
    front: FrontSink,
) -> None:
    chain = TranscriptSynchronizer(next_in_chain_audio=front, next_in_chain_text=None)
    top = chain.audio_output
    await top.capture_frame(speech(seconds=UNHEARD_LIMIT + 1))
    top.flush()
    waiting = asyncio.ensure_future(top.capture_frame(speech(seconds=1)))
    await turns(30)
    assert not waiting.done()
    waiting.cancel()
    await asyncio.wait([waiting])
    assert front._pending_playback_count == top._pending_playback_count == 1
    top.clear_buffer()
    await asyncio.wait_for(top.wait_for_playout(), 1)
    await chain.aclose()


async def test_idle_is_told_once_and_only_between_segments(
    front: FrontSink, hand: HandOutput
) -> None:
    told: list[int] = []
    front.use(hand.end())
    await say(front)
    front.when_idle(lambda: told.append(1))
    await hand.until("flush")
    hand.start()
    assert told == []
    hand.finish(1.0)
    await asyncio.wait_for(front.wait_for_playout(), 1)
    await turns()
    assert told == [1]
    front.when_idle(lambda: told.append(2))
    assert told == [1, 2]


async def test_an_idle_sink_has_no_task(front: FrontSink, hand: HandOutput) -> None:
    before = asyncio.all_tasks()
    await begin(front, hand)
    hand.finish(1.0)
    await front.wait_for_playout()
    await turns()
    assert asyncio.all_tasks() == before
