"""An avatar in a process of its own, told what to do by lines of JSON on its input."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
from typing import Any

from avatar_core.contract.errors import ProviderUnavailableError
from avatar_provider_mock.options import MockOptions

logger = logging.getLogger("avatar_provider_mock")

JOIN_SECONDS = 30.0
"""Importing LiveKit takes seconds on a busy machine, and joining comes after that."""

LEAVE_SECONDS = 3.0


class ProcessAvatar:
    """Runs ``python -m avatar_provider_mock.worker_process``.

    The token goes over the pipe, never into arguments or environment, where others could read
    it. The process leaves the room when its input ends, and is continued for that if it was
    stopped: it cannot outlive the agent, however that ends.

    Args:
        options: Looks and manners.
        url: LiveKit server url.
        token: The avatar's room token.
        agent_identity: The agent it speaks for.
    """

    def __init__(self, *, options: MockOptions, url: str, token: str, agent_identity: str) -> None:
        self._first_line = {
            "options": options.model_dump(exclude_unset=True, exclude={"like"}),
            "url": url,
            "token": token,
            "agent_identity": agent_identity,
        }
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start the process and wait until it has joined.

        Raises:
            ProviderUnavailableError: It ended before it had joined, or took too long.
        """
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "avatar_provider_mock.worker_process",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={name: value for name, value in os.environ.items() if "SECRET" not in name},
        )
        try:
            await self._tell(self._first_line)
            assert self._process.stdout is not None
            answer = await asyncio.wait_for(self._process.stdout.readline(), JOIN_SECONDS)
        except (asyncio.TimeoutError, OSError) as exc:
            await self.crash()
            raise ProviderUnavailableError("the mock's worker process did not join") from exc
        except asyncio.CancelledError:
            await self.crash()
            raise
        if answer.strip() != b"joined":
            await self.crash()
            raise ProviderUnavailableError(
                "the mock's worker process ended before it joined; it says why on stderr"
            )

    async def leave(self) -> None:
        """Let the process leave the room and end."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), LEAVE_SECONDS)
        except asyncio.TimeoutError:
            await self.crash()
        except asyncio.CancelledError:
            process.kill()  # whoever asks again does not find it any more
            raise

    async def crash(self) -> None:
        """Kill the process."""
        process = self._process
        if process is not None and process.returncode is None:
            process.kill()
            await process.wait()

    async def freeze(self) -> None:
        """Stop the whole process where it stands, as a frozen machine would."""
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(signal.SIGSTOP)

    async def go_deaf(self) -> None:
        """Play nothing."""
        await self._tell({"act": "go_deaf"})

    async def set_agent_state(self, state: str) -> None:
        """Look as the agent does."""
        await self._tell({"agent_state": state})

    async def _tell(self, line: dict[str, Any]) -> None:
        process = self._process
        if process is None or process.stdin is None or process.returncode is not None:
            return
        try:
            process.stdin.write(json.dumps(line).encode() + b"\n")
            await process.stdin.drain()
        except (BrokenPipeError, ConnectionResetError):
            logger.warning("the mock's worker process is gone")
