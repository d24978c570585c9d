"""A third participant who notes what anyone in the room would see and hear."""

from __future__ import annotations

import asyncio
import time
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from livekit import rtc

if TYPE_CHECKING:
    import numpy.typing as npt

SAMPLE_RATE = 24000
LOUD = 500
"""Peak of 10 ms of int16 sound from which on it counts as heard; silence decodes to a few units."""


@dataclass(slots=True)
class Heard:
    """The sound received from one participant.

    Args:
        chunks: int16 mono of ``SAMPLE_RATE`` Hz, as they came.
        times: ``time.monotonic()`` of each chunk's arrival.
    """

    chunks: list[npt.NDArray[np.int16]] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    _loud: list[float] = field(default_factory=list, init=False, repr=False)
    _listened_to: int = field(default=0, init=False, repr=False)

    @property
    def samples(self) -> npt.NDArray[np.int16]:
        """Everything, joined."""
        return np.concatenate(self.chunks) if self.chunks else np.zeros(0, dtype=np.int16)

    def loud_times(self, *, since: float = 0.0) -> list[float]:
        """Arrival times of the chunks that are no silence."""
        self._listen()
        return self._loud[bisect_left(self._loud, since) :]

    def loud_seconds(self, *, since: float = 0.0) -> float:
        """Seconds of sound that are no silence."""
        self._listen()
        return (len(self._loud) - bisect_left(self._loud, since)) * 0.01

    def last_loud(self) -> float | None:
        """Arrival time of the last chunk that is no silence; None if there was none."""
        self._listen()
        return self._loud[-1] if self._loud else None

    def forget(self) -> None:
        """Keep nothing of what was heard so far."""
        self.chunks.clear()
        self.times.clear()
        self._loud.clear()
        self._listened_to = 0

    def _listen(self) -> None:
        # What waits for sound asks with every chunk: each is listened to once.
        begin, self._listened_to = self._listened_to, len(self.times)
        for chunk, at in zip(self.chunks[begin:], self.times[begin:], strict=True):
            if chunk.size and max(int(chunk.max()), -int(chunk.min())) > LOUD:
                self._loud.append(at)


@dataclass(slots=True)
class Seen:
    """The pictures received from one participant.

    Args:
        times: ``time.monotonic()`` of each picture's arrival.
        sizes: Width and height of each, in pixels.
        latest: The last one, I420.
    """

    times: list[float] = field(default_factory=list)
    sizes: list[tuple[int, int]] = field(default_factory=list)
    latest: rtc.VideoFrame | None = None


class RecordingViewer:
    """Joins a room, subscribes to everything, and keeps what arrives, by participant.

    Args:
        on_picture: Called with identity, picture (I420) and arrival time for each one.
    """

    def __init__(
        self, *, on_picture: Callable[[str, rtc.VideoFrame, float], None] | None = None
    ) -> None:
        self.room = rtc.Room()
        self.heard: dict[str, Heard] = defaultdict(Heard)
        self.seen: dict[str, Seen] = defaultdict(Seen)
        self._on_picture = on_picture
        self._tasks: set[asyncio.Task[None]] = set()
        self._readers: dict[str, asyncio.Task[None]] = {}
        self._changed = asyncio.Event()
        self.room.on("track_subscribed", self._subscribed)
        self.room.on("track_unsubscribed", self._unsubscribed)

    async def connect(self, *, url: str, token: str) -> None:
        """Join."""
        await self.room.connect(url, token)

    async def aclose(self) -> None:
        """Leave, and stop reading."""
        self.room.off("track_subscribed", self._subscribed)
        self.room.off("track_unsubscribed", self._unsubscribed)
        await self.room.disconnect()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def until(self, condition: Callable[[], bool], *, timeout: float = 20.0) -> None:
        """Wait for a condition on what was received, checked with every arrival.

        Args:
            condition: Such as ``lambda: viewer.heard["x"].loud_seconds() > 1``.
            timeout: Seconds; generous, for the machine may be busy.

        Raises:
            asyncio.TimeoutError: It did not come true in time.
        """
        deadline = time.monotonic() + timeout
        while not condition():
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                raise asyncio.TimeoutError("the viewer did not receive what was waited for")
            self._changed.clear()
            try:
                await asyncio.wait_for(self._changed.wait(), min(remaining, 0.5))
            except asyncio.TimeoutError:
                continue  # conditions may depend on the clock, or on who is in the room

    async def until_heard(self, identity: str, *, seconds: float = 0.1, since: float = 0.0) -> None:
        """Wait until somebody was heard for so long."""
        await self.until(lambda: self.heard[identity].loud_seconds(since=since) >= seconds)

    async def until_silent(
        self, identity: str, *, seconds: float = 0.3, timeout: float = 20.0
    ) -> float:
        """Wait until somebody has been silent for so long; returns when the last sound came."""

        def silent() -> bool:
            heard = self.heard[identity]
            loud = heard.last_loud()
            return bool(heard.times) and (loud is None or heard.times[-1] - loud >= seconds)

        await self.until(silent, timeout=timeout)
        return self.heard[identity].last_loud() or 0.0

    async def until_seen(self, identity: str, *, pictures: int = 1) -> None:
        """Wait until so many pictures of somebody have come."""
        await self.until(lambda: len(self.seen[identity].times) >= pictures)

    def _subscribed(
        self,
        track: rtc.Track,
        publication: rtc.RemoteTrackPublication,
        participant: rtc.RemoteParticipant,
    ) -> None:
        read = self._listen if track.kind == rtc.TrackKind.KIND_AUDIO else self._watch
        task = asyncio.create_task(read(track, participant.identity))
        self._tasks.add(task)
        self._readers[track.sid] = task
        task.add_done_callback(self._tasks.discard)

    def _unsubscribed(
        self,
        track: rtc.Track,
        publication: rtc.RemoteTrackPublication,
        participant: rtc.RemoteParticipant,
    ) -> None:
        # A stream left open goes on: with what the next track brings that takes the place of this
        # one in the connection, under the name of who is gone (livekit rtc 1.1.21).
        reader = self._readers.pop(track.sid, None)
        if reader is not None:
            reader.cancel()

    async def _listen(self, track: rtc.Track, identity: str) -> None:
        stream = rtc.AudioStream(track, sample_rate=SAMPLE_RATE, num_channels=1, frame_size_ms=10)
        try:
            async for event in stream:
                heard = self.heard[identity]
                heard.chunks.append(np.frombuffer(event.frame.data, dtype=np.int16).copy())
                heard.times.append(time.monotonic())
                self._changed.set()
        finally:
            await stream.aclose()

    async def _watch(self, track: rtc.Track, identity: str) -> None:
        stream = rtc.VideoStream(track, format=rtc.VideoBufferType.I420)
        try:
            async for event in stream:
                now = time.monotonic()
                seen = self.seen[identity]
                seen.times.append(now)
                seen.sizes.append((event.frame.width, event.frame.height))
                seen.latest = event.frame
                if self._on_picture is not None:
                    self._on_picture(identity, event.frame, now)
                self._changed.set()
        finally:
            await stream.aclose()
