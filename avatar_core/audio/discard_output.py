"""An end for unit tests: speech counts as heard at once."""

from __future__ import annotations

import asyncio
import time

from livekit import rtc
from livekit.agents.voice.io import AudioOutput, AudioOutputCapabilities


class DiscardOutput(AudioOutput):
    """Throws speech away and reports it as played; needs no room."""

    def __init__(self) -> None:
        super().__init__(
            label="AvatarDiscardOutput",
            capabilities=AudioOutputCapabilities(pause=False),
            sample_rate=None,
        )
        self._pushed = 0.0
        self._begun = False

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        """Count a frame."""
        await super().capture_frame(frame)
        if not self._begun:
            self._begun = True
            self.on_playback_started(created_at=time.time())
        self._pushed += frame.duration

    def flush(self) -> None:
        """Report the segment as played, on the loop's next turn."""
        super().flush()
        if self._begun:
            asyncio.get_running_loop().call_soon(self._report)

    def clear_buffer(self) -> None:
        """Nothing is buffered: what was flushed is already played."""

    def _report(self) -> None:
        if self._begun:
            position, self._pushed, self._begun = self._pushed, 0.0, False
            self.on_playback_finished(playback_position=position, interrupted=False)
