"""What is left of a call when it is over."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
from livekit import api

from avatar_core.livekit_server import LiveKitServer

REAP = ("sessions", "reap", "--provider", "protoface", "--local", "--yes")


async def reap(journal: Path, variables: dict[str, str]) -> str | None:
    """End what a killed agent left, as its host's operator does; returns what went wrong.

    Args:
        journal: Folder of the agent's journal.
        variables: Where Protoface is, and the key to it.
    """
    process = await asyncio.create_subprocess_exec(
        os.fspath(Path(sys.executable).with_name("avatar")), *REAP,
        env={**os.environ, **variables, "AVATAR_JOURNAL": str(journal)},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    out, _ = await process.communicate()
    if process.returncode == 0:
        return None
    return f"reap: exit {process.returncode}: {out.decode(errors='replace')[-300:]}"


async def left_after(
    within: float,
    *,
    server: LiveKitServer,
    room_name: str,
    processes: list[psutil.Process],
    sessions: Callable[[], list[str]],
) -> list[str]:
    """Wait until nothing is left but the viewer; returns what is.

    Args:
        within: Seconds.
        server: LiveKit's.
        room_name: The call's.
        processes: Avatars' that were seen.
        sessions: Names those that are not over at the vendor.
    """
    deadline = time.monotonic() + within
    while True:
        left = sessions() + [f"process {each.pid}" for each in processes if _runs(each)]
        async with server.api() as client:
            answer = await client.room.list_participants(
                api.ListParticipantsRequest(room=room_name)
            )
        identities = {each.identity for each in answer.participants} - {"viewer"}
        left += [f"participant {identity}" for identity in sorted(identities)]
        if not left or time.monotonic() > deadline:
            return left
        await asyncio.sleep(0.25)


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
