"""The offline voice as LiveKit's agents take one: no key, no network, good enough to try things."""

from __future__ import annotations

import asyncio

from livekit.agents import tts
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS, APIConnectOptions
from livekit.agents.utils import shortuuid

from avatar_core.demo.speech import SAMPLE_RATE, synthesize


class LocalTTS(tts.TTS[str]):
    """Speaks English with eSpeak NG: ``AgentSession(tts=LocalTTS())``.

    Needs the extra ``avatar-core[demo]``. Robotic, and at once: about 2 ms a second of speech.
    """

    def __init__(self) -> None:
        super().__init__(
            capabilities=tts.TTSCapabilities(streaming=False),
            sample_rate=SAMPLE_RATE,
            num_channels=1,
        )

    @property
    def model(self) -> str:
        """Name of the model, for metrics."""
        return "en-us"

    @property
    def provider(self) -> str:
        """Name of the provider, for metrics."""
        return "espeak-ng"

    def synthesize(
        self, text: str, *, conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS
    ) -> tts.ChunkedStream:
        """Speak a text.

        Args:
            text: English.
            conn_options: Without meaning: nothing is connected to.
        """
        return _Speech(tts=self, input_text=text, conn_options=conn_options)


class _Speech(tts.ChunkedStream):
    async def _run(self, output_emitter: tts.AudioEmitter) -> None:
        output_emitter.initialize(
            request_id=shortuuid(),
            sample_rate=SAMPLE_RATE,
            num_channels=1,
            mime_type="audio/pcm",
        )
        speech = await asyncio.to_thread(synthesize, self._input_text)
        output_emitter.push(speech.samples.tobytes())
        output_emitter.flush()
