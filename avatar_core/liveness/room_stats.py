"""Reads from LiveKit's statistics how much of an avatar arrives."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from livekit import rtc

READ_TIMEOUT = 1.0
"""Seconds for the native library to answer; it is asked again at the next tick."""

_FAILURES = (RuntimeError, asyncio.TimeoutError)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackCount:
    """What has arrived of one track since it was subscribed.

    Args:
        packets: RTP packets.
        age: Seconds since the last of them arrived; None before the first.
        energy: Total audio energy of what was played of it, patches for lost sound included.
    """

    packets: int
    age: float | None
    energy: float = 0.0


_NOTHING_YET = TrackCount(packets=0, age=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """One reading.

    Args:
        link_packets: Packets of any kind that have arrived over the agent's connection.
        audio: The avatar's sound; None if it is not subscribed.
        video: The avatar's pictures; None if they are not subscribed.
    """

    link_packets: int
    audio: TrackCount | None = None
    video: TrackCount | None = None


class RoomStats:
    """Finds the avatar's tracks in the statistics of the whole room.

    LiveKit's ids are not in there (rtc 1.1.21: ``track_identifier`` is the native track's, and
    another track gets it after this one), so a track is asked for its SSRC once.

    Args:
        room: The agent's room.
    """

    def __init__(self, room: rtc.Room) -> None:
        self._room = room
        self._ssrc: dict[int, tuple[rtc.Track, int]] = {}
        self._answered = asyncio.Event()
        self._answered.set()

    async def answered(self) -> None:
        """Wait until no question to the native library is open; they all have a time limit."""
        await self._answered.wait()

    async def read(self, *, audio: rtc.Track | None, video: rtc.Track | None) -> Counts | None:
        """Read the counters; None if they cannot be read now.

        Args:
            audio: The avatar's sound, if subscribed.
            video: The avatar's pictures, if subscribed.
        """
        self._answered.clear()
        try:
            return await self._read(audio=audio, video=video)
        finally:
            self._answered.set()

    async def _read(self, *, audio: rtc.Track | None, video: rtc.Track | None) -> Counts | None:
        try:
            stats = await asyncio.wait_for(self._room.get_rtc_stats(), READ_TIMEOUT)
        except _FAILURES:
            return None  # not connected, or too busy to answer: nothing is known, nothing is said
        every = [*stats.publisher_stats, *stats.subscriber_stats]
        inbound = dict(_inbound(every))
        wanted = [track for track in (audio, video) if track is not None]
        for track in wanted:
            if self._ssrc_of(track) not in inbound:
                await self._learn(track)
        self._ssrc = {key: kept for key, kept in self._ssrc.items() if kept[0] in wanted}
        return Counts(
            link_packets=sum(
                each.transport.transport.packets_received
                for each in every
                if each.WhichOneof("stats") == "transport"
            ),
            audio=None if audio is None else inbound.get(self._ssrc_of(audio), _NOTHING_YET),
            video=None if video is None else inbound.get(self._ssrc_of(video), _NOTHING_YET),
        )

    def _ssrc_of(self, track: rtc.Track) -> int | None:
        kept = self._ssrc.get(id(track))
        return None if kept is None else kept[1]

    async def _learn(self, track: rtc.Track) -> None:
        try:
            stats = await asyncio.wait_for(track.get_stats(), READ_TIMEOUT)
        except asyncio.TimeoutError:
            return
        except Exception:  # noqa: BLE001 - what rtc raises, of no narrower type
            return  # the track went away meanwhile
        for each in stats:
            if each.WhichOneof("stats") == "inbound_rtp":
                self._ssrc[id(track)] = (track, each.inbound_rtp.stream.ssrc)


def _inbound(every: list[Any]) -> Iterator[tuple[int | None, TrackCount]]:
    for each in every:
        if each.WhichOneof("stats") != "inbound_rtp":
            continue
        rtp = each.inbound_rtp
        arrived = rtp.inbound.last_packet_received_timestamp  # milliseconds, read at microseconds
        yield (
            rtp.stream.ssrc,
            TrackCount(
                packets=rtp.received.packets_received,
                age=max(0.0, rtp.rtc.timestamp / 1e6 - arrived / 1e3) if arrived else None,
                energy=rtp.inbound.total_audio_energy,
            ),
        )
