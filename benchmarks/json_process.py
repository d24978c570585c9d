"""A child process that prints JSON lines, for measurements that must not share a process."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


class JsonProcess:
    """Runs a program of this folder and keeps the JSON lines it prints."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()

    async def start(self, program: str, *arguments: str) -> JsonProcess:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            f"benchmarks.{program}",
            *arguments,
            cwd=ROOT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        self._reader = asyncio.create_task(self._read())
        return self

    async def tell(self, line: str) -> None:
        assert self._process is not None and self._process.stdin is not None
        self._process.stdin.write(line.encode() + b"\n")
        await self._process.stdin.drain()

    async def until(
        self, matches: Callable[[dict[str, Any]], bool], *, timeout: float = 30.0, start: int = 0
    ) -> dict[str, Any]:
        """Return the first line that matches; lines before number ``start`` do not count.

        Raises:
            EOFError: The process has ended without such a line.
            asyncio.TimeoutError: There was none in time.
        """

        async def find() -> dict[str, Any]:
            position = start
            while True:
                while position < len(self.lines):
                    position += 1
                    if matches(self.lines[position - 1]):
                        return self.lines[position - 1]
                if self._reader is not None and self._reader.done():
                    raise EOFError("the process ended")
                self._changed.clear()
                await self._changed.wait()

        return await asyncio.wait_for(find(), timeout)

    async def stop(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()
        if self._reader is not None:
            await asyncio.wait([self._reader])

    async def _read(self) -> None:
        assert self._process is not None and self._process.stdout is not None
        async for line in self._process.stdout:
            self.lines.append(json.loads(line))
            self._changed.set()
        # In the next turn of the loop, when this task is done.
        asyncio.get_running_loop().call_soon(self._changed.set)
