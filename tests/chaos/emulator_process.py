"""Protoface's emulator in a process of its own: its avatars can be killed and stopped."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp

_EMULATE = (
    "-c", "from avatar_core.cli.app import main; main()",
    "emulate", "protoface", "--port", "0", "--starts-per-minute", "0", "--control",
)  # fmt: skip
_SECONDS = 60.0


class EmulatorProcess:
    """``avatar emulate protoface`` beside us.

    Args:
        process: It.
        environment: Variables that send every Protoface client there.
    """

    def __init__(self, process: asyncio.subprocess.Process, environment: dict[str, str]) -> None:
        self._process = process
        self.environment = environment

    def strike(self, sent: signal.Signals) -> None:
        """Send it a signal, if it is there."""
        if self._process.returncode is None:
            self._process.send_signal(sent)

    async def unended(self) -> list[str] | None:
        """List the sessions that still cost money; None if it can tell nothing any more."""
        if self._process.returncode is not None:
            return None
        url = f"{self.environment['PROTOFACE_API_URL']}/_emulator/sessions"
        async with aiohttp.ClientSession() as client, client.get(url) as answer:
            rows = await answer.json()
        return [row["id"] for row in rows if row["status"] not in ("ended", "failed")]


@asynccontextmanager
async def emulator_process() -> AsyncIterator[EmulatorProcess]:
    """Run an emulator; whatever becomes of it, it is gone afterwards."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, *_EMULATE,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        environment = await asyncio.wait_for(_environment(process), _SECONDS)
        yield EmulatorProcess(process, environment)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def _environment(process: asyncio.subprocess.Process) -> dict[str, str]:
    assert process.stdout is not None
    found: dict[str, str] = {}
    while len(found) < 2 and (line := (await process.stdout.readline()).decode()):
        if line.strip().startswith("export "):
            name, _, value = line.strip().removeprefix("export ").partition("=")
            found[name] = value.strip("'\"")
    return found
