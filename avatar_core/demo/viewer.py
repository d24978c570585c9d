"""The third participant: receives what anyone in the room would, and notes when."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from livekit import rtc

from avatar_core.demo.arrival_clock import ArrivalClock
from avatar_core.tokens.worker_token import PUBLISH_ON_BEHALF

if TYPE_CHECKING:
    import numpy.typing as npt

SAMPLE_RATE = 48_000
"""Rate of the sound the viewer hands on, in Hz."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A received video frame.

    Args:
        frame: I420.
        at: When it came, in seconds of ``time.monotonic()``.
    """

    frame: rtc.VideoFrame
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Sound:
    """A received stretch of sound.

    Args:
        samples: int16, mono, of ``SAMPLE_RATE`` Hz.
        at: When its first sample came, in seconds of ``time.monotonic()``.
    """

    samples: npt.NDArray[np.int16]
    at: float


class Viewer:
    """Watches the avatar of one agent, or hears the agent itself while there is no avatar.

    Args:
        agent_identity: The agent whose voice counts.
        on_picture: Called on the event loop for every video frame.
        on_sound: Called on the event loop for every stretch of 10 ms.
        on_source: Called with ``"video"`` or ``"audio"`` and the identity whose track is now
            watched or heard, None when nobody's is.
    """

    def __init__(
        self,
        *,
        agent_identity: str,
        on_picture: Callable[[Picture], None],
        on_sound: Callable[[Sound], None],
        on_source: Callable[[str, str | None], None],
    ) -> None:
        self.room = rtc.Room()
        self._agent_identity = agent_identity
        self._on_picture = on_picture
        self._on_sound = on_sound
        self._on_source = on_source
        self._wanted: dict[str, rtc.RemoteTrackPublication] = {}
        self._readers: dict[str, asyncio.Task[None]] = {}

    async def connect(self, *, url: str, token: str) -> None:
        """Join the room and begin to watch."""
        for event in (
            "participant_disconnected",
            "participant_attributes_changed",
            "track_published",
            "track_unpublished",
        ):
            self.room.on(event, self._choose)
        self.room.on("track_subscribed", self._track_subscribed)
        self.room.on("track_unsubscribed", self._track_unsubscribed)
        await self.room.connect(url, token, rtc.RoomOptions(auto_subscribe=False))
        self._choose()

    async def aclose(self) -> None:
        """Leave the room; nothing is handed on afterwards."""
        readers = list(self._readers.values())
        self._readers.clear()
        for reader in readers:
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)
        await self.room.disconnect()

    def _choose(self, *_event: object) -> None:
        """Subscribe to the avatar's tracks where it has any, as front ends do, else the agent's."""
        for kind, name in (
            (rtc.TrackKind.KIND_VIDEO, "video"),
            (rtc.TrackKind.KIND_AUDIO, "audio"),
        ):
            owner, publication = self._best(kind)
            current = self._wanted.get(name)
            if (current and current.sid) == (publication and publication.sid):
                continue
            if current is not None:
                current.set_subscribed(False)
                del self._wanted[name]
            if publication is not None:
                self._wanted[name] = publication
                publication.set_subscribed(True)
            self._on_source(name, owner)

    def _best(
        self, kind: rtc.TrackKind.ValueType
    ) -> tuple[str | None, rtc.RemoteTrackPublication | None]:
        agent: tuple[str | None, rtc.RemoteTrackPublication | None] = (None, None)
        for participant in self.room.remote_participants.values():
            for publication in participant.track_publications.values():
                if publication.kind != kind:
                    continue
                if participant.attributes.get(PUBLISH_ON_BEHALF) == self._agent_identity:
                    return participant.identity, publication
                if participant.identity == self._agent_identity:
                    agent = participant.identity, publication
        return agent

    def _track_subscribed(
        self,
        track: rtc.RemoteTrack,
        publication: rtc.RemoteTrackPublication,
        _participant: rtc.RemoteParticipant,
    ) -> None:
        read = self._watch if track.kind == rtc.TrackKind.KIND_VIDEO else self._listen
        reader = asyncio.create_task(read(track), name=f"demo viewer {publication.sid}")
        self._readers[publication.sid] = reader

    def _track_unsubscribed(
        self,
        _track: rtc.RemoteTrack,
        publication: rtc.RemoteTrackPublication,
        _participant: rtc.RemoteParticipant,
    ) -> None:
        reader = self._readers.pop(publication.sid, None)
        # LiveKit's video stream does not end with its track: the reader would wait for ever.
        if reader is not None:
            reader.cancel()

    async def _watch(self, track: rtc.Track) -> None:
        clock = ArrivalClock()
        stream = rtc.VideoStream(track, format=rtc.VideoBufferType.I420)
        try:
            async for event in stream:
                at = clock.place(event.timestamp_us / 1e6, arrived=time.monotonic())
                self._on_picture(Picture(frame=event.frame, at=at))
        finally:
            await stream.aclose()

    async def _listen(self, track: rtc.Track) -> None:
        clock = ArrivalClock()
        heard = 0
        stream = rtc.AudioStream(track, sample_rate=SAMPLE_RATE, num_channels=1)
        try:
            async for event in stream:
                samples = np.frombuffer(event.frame.data, np.int16)
                heard += len(samples)
                # A frame is handed over when its last sample is there.
                end = clock.place(heard / SAMPLE_RATE, arrived=time.monotonic())
                self._on_sound(Sound(samples=samples, at=end - len(samples) / SAMPLE_RATE))
        finally:
            await stream.aclose()
