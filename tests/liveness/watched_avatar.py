"""An avatar in a process of its own, in a room with an agent that watches it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from livekit import api, rtc

from avatar_core.livekit_server import LiveKitServer
from avatar_core.liveness.liveness_watch import LivenessWatch
from avatar_core.liveness.loss import Loss
from tests.liveness.spoken import Spoken

_ROOT = Path(__file__).parents[2]
_PATIENCE = 30.0


class WatchedAvatar:
    """Made by ``watched_avatar``."""

    def __init__(self, *, room: rtc.Room, process: asyncio.subprocess.Process) -> None:
        self.room = room
        self.process = process
        self.spoken = Spoken(room=room)
        self.losses: list[tuple[float, Loss]] = []
        self._lost = asyncio.Event()
        self.watch = LivenessWatch(
            room=room,
            identities=("avatar",),
            receiver_identity="avatar",
            speech=self.spoken.now,
            on_lost=self._on_lost,
        )

    async def speaks(self, seconds: float) -> None:
        """Let it speak, and wait until it is received."""
        self.spoken.say(seconds)
        self.watch.speaking_changed(True)
        await self.until(lambda: self.spoken.started_at is not None)
        await self.until(
            lambda: all(each.subscribed for each in self.publications) and bool(self.publications)
        )
        await asyncio.sleep(1.0)  # of sound and pictures, for something to be missed

    @property
    def publications(self) -> list[rtc.RemoteTrackPublication]:
        participant = self.room.remote_participants.get("avatar")
        return [] if participant is None else list(participant.track_publications.values())

    def act(self, act: str) -> None:
        """Tell the process to have a fault."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{act}\n".encode())

    def signal(self, which: signal.Signals) -> None:
        self.process.send_signal(which)

    async def until_lost(self, since: float) -> tuple[float, Loss]:
        """Wait for the loss; returns how long after a moment it was told."""
        await asyncio.wait_for(self._lost.wait(), _PATIENCE)
        at, loss = self.losses[0]
        return at - since, loss

    async def until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _PATIENCE
        while not condition():
            assert time.monotonic() < deadline, "what was waited for did not come"
            await asyncio.sleep(0.02)

    def _on_lost(self, loss: Loss) -> None:
        self.losses.append((time.monotonic(), loss))
        self._lost.set()


@asynccontextmanager
async def watched_avatar(
    server: LiveKitServer, *, publish_video: bool = True
) -> AsyncIterator[WatchedAvatar]:
    """Open a room, let agent and avatar join, and watch."""
    name = f"room-{uuid.uuid4().hex[:10]}"
    room = rtc.Room()
    await room.connect(server.url, _token(server, "agent", name))
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.liveness.worker_process",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=_ROOT,
        env=dict(os.environ),
    )
    avatar = WatchedAvatar(room=room, process=process)
    try:
        assert process.stdin is not None and process.stdout is not None
        first = {
            "url": server.url,
            "token": _token(server, "avatar", name),
            "size": 64,
            "fps": 25,
            "publish_video": publish_video,
        }
        process.stdin.write(json.dumps(first).encode() + b"\n")
        assert await asyncio.wait_for(process.stdout.readline(), _PATIENCE) == b"joined\n"
        await avatar.until(lambda: len(avatar.publications) == 1 + publish_video)
        avatar.watch.start()
        yield avatar
    finally:
        await avatar.watch.stop()
        await avatar.spoken.aclose()
        if process.returncode is None:
            process.kill()
            await process.wait()
        await room.disconnect()


def _token(server: LiveKitServer, identity: str, room: str) -> str:
    token = api.AccessToken(server.api_key, server.api_secret).with_identity(identity)
    return token.with_grants(api.VideoGrants(room_join=True, room=room)).to_jwt()
