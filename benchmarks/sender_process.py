"""Avatars in a process of their own, for what they cost.

    python benchmarks/sender_process.py prepared|mock|runner

Reads lines of ``URL TOKEN``, one for each further avatar; prints every second the CPU seconds and
the memory of this process, and how many pictures each avatar has had encoded.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

import numpy as np
import psutil

from avatar_core.worker import AvatarWorker, Moment, Renderer
from avatar_provider_mock.face import MockFace
from benchmarks.measuring_renderers import Prepared
from benchmarks.runner_peer import RunnerAvatar


def prepared() -> list[Any]:
    """Four seconds of the face, drawn before: the same pictures without the drawing."""
    face = MockFace(seed=1)
    silence = np.zeros(0, np.int16)
    frames = []
    for number in range(100):
        moment = Moment(
            time=number / 25,
            speaking=False,
            audio=silence,
            sample_rate=48000,
            position=0.0,
            segment=0,
            agent_state=None,
        )
        frame = face.draw(moment)
        copy = type(frame)(frame.width, frame.height, frame.type, bytes(frame.data))
        frames.append(copy)
    face.close()
    return frames


async def encoded(avatar: Any) -> int:
    room = avatar.room
    for publication in room.local_participant.track_publications.values():
        if publication.track is not None and publication.kind == 2:
            for stats in await publication.track.get_stats():
                if stats.HasField("outbound_rtp"):
                    return int(stats.outbound_rtp.outbound.frames_encoded)
    return 0


async def main(kind: str) -> None:
    frames = prepared() if kind == "prepared" else []
    avatars: list[Any] = []
    process = psutil.Process()
    loop = asyncio.get_running_loop()

    def renderer() -> Renderer:
        return Prepared(frames) if kind == "prepared" else MockFace(seed=len(avatars))

    async def add() -> None:
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            url, token = line.split()
            avatar: Any = (
                RunnerAvatar(renderer())
                if kind == "runner"
                else AvatarWorker(renderer=renderer(), agent_identity="agent")
            )
            await avatar.start(url, token)
            avatars.append(avatar)

    adding = asyncio.create_task(add())
    while not adding.done():
        times = process.cpu_times()
        line = {
            "at": time.monotonic(),
            "cpu": times.user + times.system,
            "rss": process.memory_info().rss,
            "encoded": [await encoded(avatar) for avatar in avatars],
        }
        print(json.dumps(line), flush=True)
        await asyncio.sleep(1.0)


asyncio.run(main(sys.argv[1]))
