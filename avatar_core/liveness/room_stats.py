"""Reads from LiveKit's statistics how much of an avatar arrives."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from livekit import rtc

READ_TIMEOUT = 1.0
"""Seconds after which an answer of the native library is not waited for any longer."""

NEXT_QUESTION = 5.0
"""Seconds after which it is asked again although the last answer has not come."""

LAST_ANSWER_TIMEOUT = 3.0
"""Seconds to wait at the end for an answer that is late. One that is still under way when the room
goes crashes the process (rtc 1.1.21), and to give up waiting does not take a question back."""

T = TypeVar("T")


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
        self._asking: asyncio.Task[Any] | None = None
        self._asked_at = 0.0
        self._closed = False

    async def aclose(self) -> None:
        """Ask nothing more, and wait for the answer to what was asked, for a limited time."""
        self._closed = True
        asking = self._asking
        if asking is not None and not asking.done():
            await asyncio.wait([asking], timeout=LAST_ANSWER_TIMEOUT)
            asking.cancel()

    async def read(self, *, audio: rtc.Track | None, video: rtc.Track | None) -> Counts | None:
        """Read the counters; None if they cannot be read now.

        Args:
            audio: The avatar's sound, if subscribed.
            video: The avatar's pictures, if subscribed.
        """
        stats = await self._ask(self._room.get_rtc_stats)
        if stats is None:
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
        for each in await self._ask(track.get_stats) or ():
            if each.WhichOneof("stats") == "inbound_rtp":
                self._ssrc[id(track)] = (track, each.inbound_rtp.stream.ssrc)

    async def _ask(self, question: Callable[[], Coroutine[Any, Any, T]]) -> T | None:
        """Ask one thing at a time; None if there is no answer, or none in time."""
        last = self._asking
        if last is not None and not last.done():
            # Waited for and not passed over: time in which nothing could be read must be seen to
            # have been lost by this process, or it would count as silence of the avatar.
            await asyncio.wait([last], timeout=READ_TIMEOUT)
            if not last.done() and time.monotonic() - self._asked_at < NEXT_QUESTION:
                return None
            last.cancel()
        if self._closed:
            return None
        self._asked_at = time.monotonic()
        asking: asyncio.Task[T] = asyncio.create_task(question(), name="liveness.stats")
        self._asking = asking
        asking.add_done_callback(_seen)
        await asyncio.wait([asking], timeout=READ_TIMEOUT)
        if not asking.done() or asking.cancelled() or asking.exception() is not None:
            return None
        return asking.result()


def _seen(asking: asyncio.Task[Any]) -> None:
    """Look at what went wrong, for nobody may wait for it any more: the track or the room is gone.

    That is raised as plain ``Exception`` and ``RuntimeError`` (rtc 1.1.21).
    """
    if not asking.cancelled():
        asking.exception()


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
