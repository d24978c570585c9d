"""An avatar in a process of its own, with the faults it is told: ``python -m`` this module.

Reads one JSON line with url, token, size, fps and ``publish_video``, joins, writes ``joined``; then
takes acts, one a line: freeze, deaf, mute, unpublish, unmute, mute_video, unpublish_video.
"""

from __future__ import annotations

import asyncio
import json
import sys

from livekit import rtc

from avatar_core.worker import AvatarWorker, WorkerFaults, WorkerOptions
from tests.worker.plain_renderer import PlainRenderer


async def run() -> None:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    first = json.loads(await reader.readline())
    worker = AvatarWorker(
        renderer=PlainRenderer(size=first["size"], fps=first["fps"]),
        agent_identity="agent",
        options=WorkerOptions(faults=WorkerFaults(publish_video=first["publish_video"])),
    )
    await worker.start(first["url"], first["token"])
    sys.stdout.write("joined\n")
    sys.stdout.flush()
    listening = asyncio.create_task(_obey(reader, worker))
    closed = asyncio.create_task(worker.wait_closed())
    try:
        await asyncio.wait([listening, closed], return_when=asyncio.FIRST_COMPLETED)
    finally:
        listening.cancel()
        await worker.aclose()
        await closed


async def _obey(reader: asyncio.StreamReader, worker: AvatarWorker) -> None:
    while line := await reader.readline():
        act = line.decode().strip()
        if act == "freeze":
            worker.freeze()
        elif act == "deaf":
            worker.go_deaf()
        else:
            await _change_track(worker, act)


async def _change_track(worker: AvatarWorker, act: str) -> None:
    assert worker.room is not None
    participant = worker.room.local_participant
    kind = rtc.TrackKind.KIND_VIDEO if act.endswith("_video") else rtc.TrackKind.KIND_AUDIO
    (publication,) = (p for p in participant.track_publications.values() if p.kind == kind)
    track = publication.track
    if act.startswith("unpublish"):
        await participant.unpublish_track(publication.sid)
    elif isinstance(track, rtc.LocalAudioTrack | rtc.LocalVideoTrack):
        if act.startswith("unmute"):
            track.unmute()
        else:
            track.mute()


if __name__ == "__main__":
    asyncio.run(run())
