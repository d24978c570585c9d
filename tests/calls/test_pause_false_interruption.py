from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from livekit.agents import DEFAULT_API_CONNECT_OPTIONS, AgentFalseInterruptionEvent, stt, vad

from avatar_core.livekit_server import LiveKitServer
from avatar_core.testing.call_stage import open_call_stage
from avatar_core.testing.microphone import microphone_of
from avatar_core.testing.playback_log import PlaybackLog
from avatar_core.testing.speech_sound import assert_whole, read_sweep, sweep
from tests.calls.avatar_in_call import Order, avatar_in

AVATAR = "mock-avatar-agent"


class Cough(vad.VAD):
    """A voice detector that hears what the test tells it to, and nothing else."""

    def __init__(self) -> None:
        super().__init__(capabilities=vad.VADCapabilities(update_interval=0.1))
        self.streams: list[CoughStream] = []

    def stream(self) -> vad.VADStream:
        stream = CoughStream(self)
        self.streams.append(stream)
        return stream

    def begin(self) -> None:
        self._emit(vad.VADEventType.START_OF_SPEECH, speech=0.6, speaking=True)
        self._emit(vad.VADEventType.INFERENCE_DONE, speech=0.6, speaking=True)

    def end(self) -> None:
        self._emit(vad.VADEventType.END_OF_SPEECH, speech=0.6, speaking=False)

    def _emit(self, kind: vad.VADEventType, *, speech: float, speaking: bool) -> None:
        event = vad.VADEvent(
            type=kind,
            samples_index=0,
            timestamp=time.time(),
            speech_duration=speech,
            silence_duration=0.0,
            speaking=speaking,
        )
        for stream in self.streams:
            stream.events.put_nowait(event)


class CoughStream(vad.VADStream):
    """Emits what it is given; the microphone is read and ignored."""

    def __init__(self, detector: Cough) -> None:
        self.events: asyncio.Queue[vad.VADEvent] = asyncio.Queue()
        super().__init__(detector)

    async def _main_task(self) -> None:
        while True:
            self._event_ch.send_nowait(await self.events.get())


class NoWords(stt.STT[Any]):
    """A recogniser that finds no word in anything: LiveKit then takes a sound for no turn."""

    def __init__(self) -> None:
        super().__init__(capabilities=stt.STTCapabilities(streaming=True, interim_results=False))

    async def _recognize_impl(self, buffer: Any, **_: Any) -> stt.SpeechEvent:
        raise NotImplementedError

    def stream(self, **_: Any) -> stt.RecognizeStream:
        return NoWordsStream(stt=self, conn_options=DEFAULT_API_CONNECT_OPTIONS)


class NoWordsStream(stt.RecognizeStream):
    """Reads and says nothing."""

    async def _run(self) -> None:
        async for _ in self._input_ch:
            pass


@pytest.mark.parametrize("order", ["avatar first", "session first"])
async def test_livekit_resumes_the_avatar_after_a_false_interruption(
    livekit_server: LiveKitServer, order: Order
) -> None:
    detector = Cough()
    handling = {
        "interruption": {
            "mode": "vad",
            "resume_false_interruption": True,
            "false_interruption_timeout": 0.4,
        },
    }
    resumed: list[AgentFalseInterruptionEvent] = []
    async with (
        open_call_stage(
            livekit_server,
            vad=detector,
            stt=NoWords(),
            turn_handling=handling,
            aec_warmup_duration=None,
        ) as stage,
        microphone_of(stage.viewer),
        avatar_in(stage, order=order),
    ):
        session = stage.agent_session
        session.on("agent_false_interruption", resumed.append)
        log = PlaybackLog(session.output.audio)
        handle = session.say("not to be stopped by a cough", audio=sweep(seconds=3))
        await stage.viewer.until_heard(AVATAR, seconds=1)
        detector.begin()
        await stage.viewer.until_silent(AVATAR, seconds=0.5)
        assert session.agent_state == "listening"
        assert log.finished == []
        detector.end()
        await asyncio.wait_for(handle.wait_for_playout(), 10)
        await stage.viewer.until_silent(AVATAR)
        assert [event.resumed for event in resumed] == [True]
        assert not handle.interrupted
        assert_whole(read_sweep(stage.viewer.heard[AVATAR].samples), seconds=3, repeated=0.15)
        assert len(log.started) == len(log.finished) == 1
        log.assert_progress_covers(3)
