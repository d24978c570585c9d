"""The end of the front sink at which an avatar speaks, however speech reaches it."""

from __future__ import annotations

import time
from collections.abc import Callable

from livekit import rtc
from livekit.agents.voice.io import AudioOutput, PlaybackFinishedEvent

from avatar_core.audio.audio_end import AudioEnd
from avatar_core.audio.discard_output import DiscardOutput
from avatar_core.audio.once import Once
from avatar_core.audio.reception import Reception
from avatar_core.audio.stream_sender import StreamSender
from avatar_core.contract.audio_routes import AudioRoute, DataStream, Sink

STOP_MARGIN = 0.5
"""Seconds an output may take beyond its own timeout to say how far it got."""


class AvatarEnd(AudioEnd):
    """Where an avatar gets its speech: by data stream, by its provider's own sink, or nowhere.

    Args:
        room: The agent's room, connected where the avatar takes a data stream.
        audio: How speech reaches it.
        report_lag: Seconds by which its playback reports lag.
        on_failure: Called when it cannot be sent to any more.
        on_silence: Called when it has reported what it played, and does so no more; with the
            unix time since when nothing was heard, where a segment is still to be said.
        reception: What the agent receives of it.
    """

    def __init__(
        self,
        *,
        room: rtc.Room,
        audio: AudioRoute,
        report_lag: float,
        on_failure: Callable[[Exception], None],
        on_silence: Callable[[float | None], None] | None = None,
        reception: Reception | None = None,
    ) -> None:
        self._sender: StreamSender | None = None
        self._ready_once: Once | None = None
        timeout = 1.0
        if isinstance(audio, DataStream):
            self._sender = StreamSender(
                room=room,
                route=audio,
                report_lag=report_lag,
                on_failure=on_failure,
                on_silence=on_silence,
                on_part_lost=self._part_is_lost,
                reception=reception,
            )
            output: AudioOutput = self._sender
            timeout = audio.clear_timeout + report_lag + STOP_MARGIN
        elif isinstance(audio, Sink):
            output = audio.output
            self._ready_once = Once(audio.ready) if audio.ready is not None else None
        else:
            output = DiscardOutput()
        super().__init__(
            name="avatar",
            output=output,
            ready=self._ready_once,
            mono=self._sender is not None,
            stop_timeout=timeout,
            on_failure=on_failure if isinstance(audio, Sink) else None,
        )
        self._silent_since = time.time()
        self._finished = output.captured_playout_segments
        output.on("playback_finished", self._segment_finished)

    @property
    def silent_since(self) -> float | None:
        """Unix time at which it last ended a segment, or was made; None while it has one."""
        if self.output.captured_playout_segments > self._finished:
            return None
        return self._silent_since

    @property
    def start_told(self) -> bool:
        """The avatar itself has said that the segment under way has begun."""
        return self._sender is not None and self._sender.start_told

    def _segment_finished(self, _: PlaybackFinishedEvent) -> None:
        self._silent_since = time.time()
        self._finished += 1

    def _part_is_lost(self) -> None:
        if self.say_rest_again is not None:
            self.say_rest_again()
        else:
            self.give_up()

    def give_up(self, *, silent_since: float | None = None) -> None:
        """Expect no report any more: the avatar is gone; how far it got is estimated.

        Args:
            silent_since: Unix time from which nothing of it was heard; None for now.
        """
        if self._sender is not None:
            self._sender.give_up(silent_since=silent_since)

    async def aclose(self) -> None:
        """Silence the avatar and give back what sending to it needed.

        Call it when the front sink speaks elsewhere.
        """
        self.output.off("playback_finished", self._segment_finished)
        if self._ready_once is not None:
            await self._ready_once.aclose()
        if self._sender is not None:
            await self._sender.aclose()
