"""An example run as a developer runs it, by an agent server in a process of its own."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from avatar_core.livekit_server import LiveKitServer
from avatar_core.testing.call_stage import room_token
from avatar_core.testing.viewer import RecordingViewer

EXAMPLES = Path(__file__).parents[2] / "examples"


class AgentProcess:
    """A running ``python -m livekit.agents start``; its log is JSON lines."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.log: list[dict[str, str]] = []
        self._changed = asyncio.Event()
        self._reader = asyncio.create_task(self._read())

    async def until_logged(self, words: str, *, timeout: float = 90.0) -> None:
        """Wait for a line of the log; a machine under load takes its time to import LiveKit."""

        async def logged() -> None:
            while not any(words in line["message"] for line in self.log):
                assert not self._reader.done(), f"{words!r} never came: {self.log}"
                self._changed.clear()
                await self._changed.wait()

        await asyncio.wait_for(logged(), timeout)

    async def stop(self) -> int:
        """End it as a service manager does; returns its exit code."""
        if self.process.returncode is None:
            self.process.terminate()
        await asyncio.wait_for(self._reader, 60)
        return await self.process.wait()

    async def _read(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            try:
                self.log.append(json.loads(line))
            except ValueError:
                self.log.append({"message": line.decode(), "level": "?"})
            self._changed.set()
        self._changed.set()


@asynccontextmanager
async def agent_process(
    server: LiveKitServer, *, provider: str | None, example: str = "voice_agent.py"
) -> AsyncIterator[AgentProcess]:
    """Run an example with nothing but what a developer sets."""
    environment = {
        **os.environ,
        "LIVEKIT_URL": server.url,
        "LIVEKIT_API_KEY": server.api_key,
        "LIVEKIT_API_SECRET": server.api_secret,
        # Nothing in the example listens, so the models for it need not be loaded.
        "LIVEKIT_AGENTS_PRELOAD_LOCAL_INFERENCE": "0",
    }
    if provider is not None:
        environment["AVATAR_PROVIDER"] = provider
    command = [
        "-m",
        "livekit.agents",
        "start",
        str(EXAMPLES / example),
        "--dev",
        "--log-format",
        "json",
    ]
    running = AgentProcess(
        await asyncio.create_subprocess_exec(
            sys.executable,
            *command,
            env=environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
    )
    try:
        yield running
    finally:
        await running.stop()


@asynccontextmanager
async def caller(server: LiveKitServer, room: str) -> AsyncIterator[RecordingViewer]:
    """A participant in a new room: LiveKit dispatches a job for it."""
    viewer = RecordingViewer()
    await viewer.connect(url=server.url, token=room_token(server, "caller", room))
    try:
        yield viewer
    finally:
        await viewer.aclose()
