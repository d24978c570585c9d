"""An AgentSession as a plugin sees it: what it wants to install is taken down, not installed."""

from __future__ import annotations

from typing import Any

from livekit.agents import AgentSession
from livekit.agents.voice.avatar import DataStreamAudioOutput
from livekit.agents.voice.io import AudioOutput

from avatar_provider_livekit.livekit_internals import as_data_stream, keep_from_starting


class AgentView:
    """Passes everything on to the agent's session but its audio output.

    No plugin asks for the type of what it is given (livekit plugins 1.8.9).

    Args:
        agent_session: The agent's session.
    """

    def __init__(self, agent_session: AgentSession[Any]) -> None:
        self._agent_session = agent_session
        self.output = OutputView(agent_session.output)

    def emit(self, event: str, *args: Any) -> None:
        """Pass an event on, but for the avatar's metrics: the core emits them, once."""
        if event != "metrics_collected":
            self._agent_session.emit(event, *args)  # type: ignore[arg-type]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._agent_session, name)


class OutputView:
    """Takes down the audio output that a plugin wants to install.

    Args:
        output: The agent's real outputs; nothing of them is changed.
    """

    def __init__(self, output: Any) -> None:
        self._output = output
        self.captured: AudioOutput | None = None
        """What the plugin installed last; None if it has installed nothing."""

    @property
    def audio(self) -> Any:
        """What speaks for the agent now, as the plugin sees it."""
        return self.captured or self._output.audio

    @audio.setter
    def audio(self, sink: AudioOutput | None) -> None:
        self._capture(sink)

    def replace_audio_tail(self, sink: AudioOutput) -> None:
        """Take down the output."""
        self._capture(sink)

    def _capture(self, sink: AudioOutput | None) -> None:
        # At once: it registers itself in the room at the next turn of the event loop.
        if isinstance(sink, DataStreamAudioOutput) and as_data_stream(sink) is not None:
            keep_from_starting(sink)
        self.captured = sink

    def __getattr__(self, name: str) -> Any:
        return getattr(self._output, name)
