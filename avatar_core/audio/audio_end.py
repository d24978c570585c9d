"""An end of the front sink: an audio output, what it needs first, and the format it wants."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator

import numpy as np
from livekit import rtc
from livekit.agents.voice.io import AudioOutput

from avatar_core.audio.pcm_resampler import Pcm, PcmResampler


class AudioEnd:
    """Where the speech of a front sink can go.

    Args:
        name: ``avatar`` or ``voice``, for logs.
        output: The audio output; it is fed one segment at a time.
        ready: Awaited before each feed; it must be safe to cancel and to await again.
        mono: Mix frames down to one channel before they are sent.
        stop_timeout: Seconds to wait, after a clear, for the output to say how far it got.
        on_failure: Called when it could not be fed. If it puts another end in its place, that one
            says the rest of the segment; else the segment counts as cut off.
    """

    def __init__(
        self,
        *,
        name: str,
        output: AudioOutput,
        ready: Callable[[], Awaitable[None]] | None = None,
        mono: bool = True,
        stop_timeout: float = 1.0,
        on_failure: Callable[[Exception], None] | None = None,
    ) -> None:
        self.name = name
        self.output = output
        self.ready = ready
        self.mono = mono
        self.stop_timeout = stop_timeout
        self.on_failure = on_failure
        self.say_rest_again: Callable[[], None] | None = None
        """Set by who feeds it; to be called when part of what it was given got lost on the way."""
        self.report_owed_until = 0.0
        """``time.monotonic()`` until which a report of a stretch that was given up on may come."""

    def converter(self) -> FrameConverter:
        """Return a converter for one run: resamplers keep state between frames."""
        return FrameConverter(sample_rate=self.output.sample_rate, mono=self.mono)

    def __repr__(self) -> str:
        return f"AudioEnd({self.name!r})"


class FrameConverter:
    """Brings frames of any rate and channel count into the format an end wants.

    Args:
        sample_rate: Hz wanted; None keeps the frame's own.
        mono: Mix down to one channel.
    """

    def __init__(self, *, sample_rate: int | None, mono: bool) -> None:
        self._sample_rate = sample_rate
        self._mono = mono
        self._resampler: PcmResampler | None = None
        self._format: tuple[int, int] | None = None

    def push(self, frame: rtc.AudioFrame) -> Iterator[rtc.AudioFrame]:
        """Yield what can be sent after this frame."""
        if self._mono and frame.num_channels > 1:
            frame = _mix_down(frame)
        if self._sample_rate is None or frame.sample_rate == self._sample_rate:
            yield from self.flush()
            yield frame
            return
        if self._format != (frame.sample_rate, frame.num_channels):
            yield from self.flush()
            self._format = (frame.sample_rate, frame.num_channels)
            self._resampler = PcmResampler(
                input_rate=frame.sample_rate,
                output_rate=self._sample_rate,
                channels=frame.num_channels,
            )
        assert self._resampler is not None
        yield from self._frames(
            self._resampler.push(np.frombuffer(frame.data, dtype=np.int16)), frame.num_channels
        )

    def flush(self) -> Iterator[rtc.AudioFrame]:
        """Yield what the resampler still holds."""
        if self._resampler is not None and self._format is not None:
            rest = self._frames(self._resampler.flush(), self._format[1])
            self._resampler = self._format = None
            yield from rest

    def _frames(self, samples: Pcm, channels: int) -> Iterator[rtc.AudioFrame]:
        if samples.size:
            assert self._sample_rate is not None
            yield rtc.AudioFrame(
                data=samples.tobytes(),
                sample_rate=self._sample_rate,
                num_channels=channels,
                samples_per_channel=samples.size // channels,
            )


def _mix_down(frame: rtc.AudioFrame) -> rtc.AudioFrame:
    samples = np.frombuffer(frame.data, dtype=np.int16).reshape(-1, frame.num_channels)
    mono = samples.mean(axis=1).astype(np.int16)
    return rtc.AudioFrame(
        data=mono.tobytes(),
        sample_rate=frame.sample_rate,
        num_channels=1,
        samples_per_channel=len(mono),
        userdata=dict(frame.userdata),
    )


def heard_since(started_at: float | None, fed: float, *, until: float | None = None) -> float:
    """Estimate the seconds heard of an output that has not said so itself.

    Args:
        started_at: Unix time at which it began to play, None if it has not.
        fed: Seconds it was given.
        until: Unix time at which it fell silent; None if it plays on.
    """
    if started_at is None:
        return 0.0
    return max(0.0, min(fed, (time.time() if until is None else until) - started_at))
