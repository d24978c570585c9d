"""A viewer in a process of its own: prints when sound and brightness begin and end.

    python benchmarks/viewer_process.py URL TOKEN audio|both

Times are ``time.monotonic()``, which all processes of a machine share.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

import numpy as np
from livekit import rtc

LOUD, SILENT = 1500, 400
OPEN_MOUTH = 0.06


def say(**line: Any) -> None:
    print(json.dumps({"at": time.monotonic(), **line}), flush=True)


async def listen(track: rtc.Track, who: str) -> None:
    loud = False
    async for event in rtc.AudioStream(track, sample_rate=48000, num_channels=1, frame_size_ms=10):
        peak = int(np.abs(np.frombuffer(event.frame.data, np.int16).astype(np.int32)).max())
        if (not loud and peak > LOUD) or (loud and peak < SILENT):
            loud = not loud
            say(kind="sound", who=who, on=loud)


def mouth_of(frame: rtc.VideoFrame) -> np.ndarray[Any, Any]:
    width, height = frame.width, frame.height
    luma = np.frombuffer(frame.data, np.uint8)[: width * height].reshape(height, width)
    return luma[int(height * 0.53) : int(height * 0.70), int(width * 0.40) : int(width * 0.60)]


async def watch(track: rtc.Track, who: str) -> None:
    """Print each picture's number, and when the mouth's region becomes and stops being active.

    A test renderer is white while it hears sound; a drawn mouth is dark inside while it is open.
    """
    pictures, active = 0, False
    async for event in rtc.VideoStream(track, format=rtc.VideoBufferType.I420):
        pictures += 1
        mouth = mouth_of(event.frame)
        white = float((mouth > 200).mean()) > 0.9
        open_ = float((mouth < 70).mean()) > OPEN_MOUTH and float((mouth > 100).mean()) > 0.2
        if pictures == 1 or pictures % 25 == 0:
            say(kind="picture", who=who, number=pictures, width=event.frame.width)
        if (white or open_) != active:
            active = not active
            say(kind="mouth", who=who, on=active)


async def main(url: str, token: str, what: str) -> None:
    room = rtc.Room()
    tasks = []

    def published(publication: rtc.RemoteTrackPublication, who: rtc.RemoteParticipant) -> None:
        if what == "both" or publication.kind == rtc.TrackKind.KIND_AUDIO:
            publication.set_subscribed(True)

    def subscribed(track: rtc.Track, _: Any, who: rtc.RemoteParticipant) -> None:
        read = listen if track.kind == rtc.TrackKind.KIND_AUDIO else watch
        tasks.append(asyncio.create_task(read(track, who.identity)))

    room.on("track_published", published)
    room.on("track_subscribed", subscribed)
    await room.connect(url, token, rtc.RoomOptions(auto_subscribe=False))
    for participant in room.remote_participants.values():
        for publication in participant.track_publications.values():
            published(publication, participant)
    say(kind="ready")
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await room.disconnect()


asyncio.run(main(*sys.argv[1:4]))
