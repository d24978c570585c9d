"""Commands that run beside a test; whatever becomes of one, it is gone afterwards."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Literal

SECONDS = 60.0
"""Within which what is waited for has come; generous, for a command imports LiveKit first."""

_AVATAR = ("-c", "from avatar_core.cli.app import main; main()")


class ChildCommand:
    """A command that runs.

    Args:
        process: With pipes for what it says.
    """

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def line(self, words: str = "", *, of: Literal["stdout", "stderr"] = "stdout") -> str:
        """Wait for the next line that has some words in it.

        Args:
            words: Which; by default any line.
            of: Where it is said.

        Raises:
            AssertionError: It never came; with what the command said otherwise.
        """
        heard: list[str] = []
        reader = self._process.stdout if of == "stdout" else self._process.stderr
        assert reader is not None

        async def listen() -> str | None:
            while raw := await reader.readline():
                heard.append(raw.decode().rstrip("\r\n"))
                if words in heard[-1]:
                    return heard[-1]
            return None

        try:
            found = await asyncio.wait_for(listen(), SECONDS)
        except asyncio.TimeoutError:
            found = None
        if found is not None:
            return found
        await self.kill()
        _, out, err = await self.finished()
        raise AssertionError(f"{words!r} never came on {of}, but: {heard} {out} {err}")

    async def finished(self, *, seconds: float = SECONDS) -> tuple[int | None, str, str]:
        """Wait until it has come to its end.

        Args:
            seconds: Within which it has.

        Returns:
            Its exit code, and what nobody has read yet of stdout and stderr.
        """
        out, err = await asyncio.wait_for(self._process.communicate(), seconds)
        return self._process.returncode, out.decode(), err.decode()

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        self._process.send_signal(signal.SIGINT)

    async def kill(self) -> None:
        """Take it off the machine; it is told nothing."""
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()


@asynccontextmanager
async def python_command(
    *arguments: str, variables: Mapping[str, str] | None = None
) -> AsyncIterator[ChildCommand]:
    """Run Python while the block does.

    Args:
        arguments: Of the command line.
        variables: Of the environment, on top of the test's.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, env={**os.environ, **(variables or {})},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        yield ChildCommand(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


def avatar_command(
    *arguments: str, variables: Mapping[str, str] | None = None
) -> AbstractAsyncContextManager[ChildCommand]:
    """Run ``avatar`` while the block does.

    Args:
        arguments: What stands behind ``avatar``.
        variables: Of the environment, on top of the test's.
    """
    return python_command(*_AVATAR, *arguments, variables=variables)


async def avatar_says(
    *arguments: str, variables: Mapping[str, str] | None = None
) -> tuple[int | None, str, str]:
    """Run ``avatar`` to its end; nobody is at its terminal.

    Args:
        arguments: What stands behind ``avatar``.
        variables: Of the environment, on top of the test's.

    Returns:
        Its exit code, stdout and stderr.
    """
    async with avatar_command(*arguments, variables=variables) as command:
        return await command.finished()
