"""How the agent's speech reaches an avatar."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from livekit.agents.voice.io import AudioOutput


@dataclass(frozen=True, slots=True, kw_only=True)
class DataStream:
    """Speech goes to a participant as byte streams on LiveKit's topic ``lk.audio_stream``.

    Args:
        identity: The participant that receives it.
        sample_rate: The rate it wants in Hz, s16le mono; None sends the TTS's own rate.
        ready: What must be in the room before audio is sent: the participant's video track, or
            the participant alone.
        reports_start: The participant calls ``lk.playback_started``. Without it the start of a
            segment is taken to be the moment its first audio was sent.
        clear_timeout: Seconds to wait for the playback report after an interruption.
    """

    identity: str
    sample_rate: int | None = None
    ready: Literal["video", "participant"] = "video"
    reports_start: bool = True
    clear_timeout: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sink:
    """Speech goes to an audio output of the provider's own, in the agent's process.

    Args:
        output: Where frames go; it reports ``playback_started`` and ``playback_finished``. Where
            it raises, the agent's voice takes over.
        ready: Awaited before the first frame; None when it is ready as it is.
    """

    output: AudioOutput
    ready: Callable[[], Awaitable[None]] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Discard:
    """Speech goes nowhere and counts as heard at once: for an application's own unit tests."""


AudioRoute = DataStream | Sink | Discard
