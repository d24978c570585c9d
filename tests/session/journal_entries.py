"""Entries of a journal of sessions, ours and another process's."""

from __future__ import annotations

import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from avatar_core.session.journal_entry import JournalEntry, stored_entries
from avatar_core.session.process_identity import this_process

OTHER_PROCESS = """
import asyncio, sys
from pathlib import Path
from avatar_core.session.journal import Journal
from tests.session.journal_entries import entry


async def main():
    await Journal(Path(sys.argv[1])).intend(entry("theirs"))
    print("written", flush=True)
    sys.stdin.read()


asyncio.run(main())
"""


def entry(key: str, **facts: Any) -> JournalEntry:
    given: dict[str, Any] = {
        "provider": "acme",
        "session_id": None,
        "livekit_url": "wss://livekit.example",
        "room": "room-1",
        "agent_identity": "agent-1",
        "avatar_identity": "face",
        "created_at": time.time(),
        "process": this_process(),
        **facts,
    }
    return JournalEntry(idempotency_key=key, **given)


def read(folder: Path) -> dict[str, JournalEntry]:
    return {
        each.entry.idempotency_key: each.entry
        for each in stored_entries(folder)
        if each.entry is not None
    }


def states(folder: Path) -> dict[str, str]:
    return {each.path.stem: each.state() for each in stored_entries(folder)}


def modes(folder: Path) -> set[int]:
    return {stat.S_IMODE(each.stat().st_mode) for each in folder.iterdir()}


def names(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


@contextmanager
def other_process(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process that has an entry; it is killed afterwards, and gone."""
    process = subprocess.Popen(
        [sys.executable, "-c", OTHER_PROCESS, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"written\n"
        yield process
    finally:
        process.kill()
        process.communicate()
