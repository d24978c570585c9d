"""An agent without any model of language: it says again what it heard, in the visitor's voice."""

from __future__ import annotations

from collections.abc import AsyncIterator

from livekit import rtc
from livekit.agents import Agent, AgentSession, inference, llm, stt, utils
from livekit.agents.language import LanguageCode
from livekit.agents.types import NOT_GIVEN, APIConnectOptions, NotGivenOr

LONGEST_SECONDS = 60.0
"""Of one turn; what is said beyond it is not kept."""

_FRAME_SECONDS = 0.02


class ParrotEar(stt.STT[str]):
    """Stands where speech recognition does, and keeps the sound in place of words.

    LiveKit's session hands it every stretch of speech that its voice detection cut out.
    """

    def __init__(self) -> None:
        super().__init__(capabilities=stt.STTCapabilities(streaming=False, interim_results=False))
        self._heard: list[rtc.AudioFrame] = []

    def take(self) -> list[rtc.AudioFrame]:
        """Return what was heard since the last time."""
        heard, self._heard = self._heard, []
        return heard

    async def _recognize_impl(
        self,
        buffer: utils.AudioBuffer,
        *,
        language: NotGivenOr[str] = NOT_GIVEN,
        conn_options: APIConnectOptions,
    ) -> stt.SpeechEvent:
        sound = utils.merge_frames(buffer)
        if sum(frame.duration for frame in self._heard) + sound.duration <= LONGEST_SECONDS:
            self._heard.append(sound)
        words = f"({sound.duration:.1f} s of speech)"
        return stt.SpeechEvent(
            type=stt.SpeechEventType.FINAL_TRANSCRIPT,
            alternatives=[stt.SpeechData(language=LanguageCode("en"), text=words)],
        )


class Parrot(Agent):
    """Repeats each turn of the visitor's as soon as it is over.

    Args:
        ear: What kept the sound.
    """

    def __init__(self, ear: ParrotEar) -> None:
        super().__init__(instructions="Say what you heard.")
        self._ear = ear

    async def on_user_turn_completed(
        self, turn_ctx: llm.ChatContext, new_message: llm.ChatMessage
    ) -> None:
        """Say the turn again."""
        heard = self._ear.take()
        if heard:
            words = new_message.text_content or "(speech)"
            # Not awaited: the next turn must be able to interrupt it.
            _ = self.session.say(words, audio=_frames(heard))


def parrot_session(ear: ParrotEar, *, speaks_text: bool) -> AgentSession[None]:
    """Make the session of a parrot; all of it runs on this machine.

    Args:
        ear: Keeps what is heard.
        speaks_text: Speak what is typed; needs the extra ``avatar-core[demo]``.
    """
    from avatar_core.demo.local_tts import LocalTTS

    return AgentSession(
        stt=ear,
        tts=LocalTTS() if speaks_text else NOT_GIVEN,
        # Named, all of them: what LiveKit chooses by itself may be a model in its cloud.
        vad=inference.VAD(model="silero"),
        turn_handling={
            "turn_detection": inference.TurnDetector(version="v1-mini"),
            "interruption": {"mode": "vad"},
            "preemptive_generation": {"enabled": False},
        },
        aec_warmup_duration=None,
        user_away_timeout=None,
    )


async def _frames(heard: list[rtc.AudioFrame]) -> AsyncIterator[rtc.AudioFrame]:
    """Cut sound into short frames, as speech synthesis gives them."""
    for sound in heard:
        step = round(sound.sample_rate * _FRAME_SECONDS)
        samples = memoryview(sound.data).cast("B")
        width = 2 * sound.num_channels
        for start in range(0, sound.samples_per_channel, step):
            chunk = bytes(samples[start * width : (start + step) * width])
            yield rtc.AudioFrame(chunk, sound.sample_rate, sound.num_channels, len(chunk) // width)
