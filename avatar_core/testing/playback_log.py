"""Everything an audio output says about what was heard, in order."""

from __future__ import annotations

import asyncio
from typing import Any

from livekit.agents.voice.io import (
    AudioOutput,
    PlaybackFinishedEvent,
    PlaybackProgressedEvent,
    PlaybackStartedEvent,
)


class PlaybackLog:
    """Listens to one audio output.

    Args:
        output: An output; the top of a chain mostly.
    """

    def __init__(self, output: AudioOutput | None) -> None:
        assert output is not None
        self.output = output
        self.events: list[Any] = []
        for name in ("playback_started", "playback_progressed", "playback_finished"):
            output.on(name, self.events.append)

    async def captured(self) -> None:
        """Wait until the output has taken a frame that it has not reported on yet."""
        while not self.output._pending_playback_count:  # noqa: ASYNC110 - it tells nobody of it
            await asyncio.sleep(0.005)

    @property
    def started(self) -> list[PlaybackStartedEvent]:
        """All starts."""
        return [event for event in self.events if isinstance(event, PlaybackStartedEvent)]

    @property
    def finished(self) -> list[PlaybackFinishedEvent]:
        """All ends."""
        return [event for event in self.events if isinstance(event, PlaybackFinishedEvent)]

    @property
    def progressed(self) -> list[PlaybackProgressedEvent]:
        """All stretches heard."""
        return [event for event in self.events if isinstance(event, PlaybackProgressedEvent)]

    @property
    def order(self) -> str:
        """One letter an event: s, p, f."""
        return "".join(type(event).__name__[8].lower() for event in self.events)

    def assert_progress_covers(self, seconds: float, *, tolerance: float = 0.05) -> None:
        """The stretches lie one behind the other, in time too, and reach so far together."""
        position, clock = 0.0, 0.0
        for stretch in self.progressed:
            assert abs(stretch.offset - position) < tolerance, self.progressed
            assert stretch.started_at >= clock - 0.1, self.progressed
            position = stretch.offset + stretch.duration
            clock = stretch.started_at + stretch.duration
        assert abs(position - seconds) < tolerance, self.progressed
