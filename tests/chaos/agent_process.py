"""The agent's process, from outside: orders to it, and what it tells."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import psutil

BOOT_SECONDS = 120.0
"""LiveKit takes seconds to import, many calls begin at once, and the machine may be busy."""


class HangError(AssertionError):
    """Something did not come to its end within its time."""


@dataclass(frozen=True, slots=True)
class Told:
    """What the agent told.

    Args:
        event: What happened.
        at: When, ``time.monotonic()``.
        values: More of it.
    """

    event: str
    at: float
    values: dict[str, Any] = field(default_factory=dict)


class AgentProcess:
    """Gives orders and keeps what is told.

    Args:
        process: Of ``tests.chaos.agent``.
    """

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.told: list[Told] = []
        self.log = bytearray()
        self.killed = False
        self._changed = asyncio.Condition()
        self._numbers = 0
        self._over = False
        self._readers = [
            asyncio.create_task(self._read()), asyncio.create_task(self._read_log())
        ]  # fmt: skip

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    def order(self, do: str, **values: Any) -> int:
        """Give an order, which is carried out beside the others; returns its number."""
        self._numbers += 1
        line = json.dumps({"number": self._numbers, "do": do, **values}) + "\n"
        assert self._process.stdin is not None
        if not self.killed:
            self._process.stdin.write(line.encode())
        return self._numbers

    async def done(self, number: int, *, within: float, what: str) -> Told:
        """Wait until an order has been carried out.

        Args:
            number: Which.
            within: Seconds.
            what: For the error.

        Raises:
            HangError: It was not in that time.
        """
        return await self.until("done", within=within, what=what, number=number)

    async def until(self, event: str, *, within: float, what: str = "", **values: Any) -> Told:
        """Wait for an event with such values.

        Raises:
            HangError: It did not come.
        """
        found = await self.sooner(event, within=within, **values)
        if found is None:
            state = "over" if self._over else "going on"
            raise HangError(f"{what or event} did not happen in {within:g} s (agent {state})")
        return found

    async def sooner(self, event: str, *, within: float, **values: Any) -> Told | None:
        """Wait for an event for so many seconds; None if it did not come, or cannot any more."""
        deadline = time.monotonic() + within
        async with self._changed:
            while (found := self.find(event, **values)) is None:
                remaining = deadline - time.monotonic()
                if remaining <= 0 or self._over:
                    return None
                try:
                    await asyncio.wait_for(self._changed.wait(), remaining)
                except asyncio.TimeoutError:
                    continue
        return found

    def find(self, event: str, **values: Any) -> Told | None:
        """Return the first such event so far."""
        for each in self.told:
            if each.event == event and all(each.values.get(k) == v for k, v in values.items()):
                return each
        return None

    def identity(self) -> str | None:
        """Who is the live avatar, as far as told."""
        states = [each for each in self.told if each.event == "state"]
        if not states or states[-1].values["state"] != "live":
            return None
        found: str = states[-1].values["identity"]
        return found

    def workers(self) -> list[psutil.Process]:
        """List the avatars that run in processes under this one."""
        try:
            children = psutil.Process(self.pid).children(recursive=True)
        except psutil.Error:
            return []
        found = []
        for child in children:
            try:
                if any("worker_process" in part for part in child.cmdline()):
                    found.append(child)
            except psutil.Error:
                continue
        return found

    async def kill(self) -> None:
        """Take it off the machine; it is told nothing."""
        self.killed = True
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()

    async def leave(self, *, within: float) -> float:
        """Let it close everything and end; returns the seconds that took.

        Raises:
            HangError: It did not.
        """
        begun = time.monotonic()
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), within)
        except asyncio.TimeoutError:
            raise HangError(f"the agent's process did not end in {within:g} s") from None
        return time.monotonic() - begun

    async def aclose(self) -> None:
        """Whatever it does, it is gone then."""
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()
        await asyncio.gather(*self._readers)

    @property
    def exit_code(self) -> int | None:
        """Of the process, once it has ended."""
        return self._process.returncode

    async def _read(self) -> None:
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            values = json.loads(line)
            told = Told(values.pop("event"), values.pop("at"), values)
            async with self._changed:
                self.told.append(told)
                self._changed.notify_all()
        async with self._changed:
            self._over = True
            self._changed.notify_all()

    async def _read_log(self) -> None:
        assert self._process.stderr is not None
        while part := await self._process.stderr.read(65536):
            self.log += part


@asynccontextmanager
async def agent_process(variables: Mapping[str, str]) -> AsyncIterator[AgentProcess]:
    """Run an agent that has joined its room; whatever becomes of it, it is gone afterwards.

    Args:
        variables: Of its environment, on top of this process'.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.chaos.agent", env={**os.environ, **variables},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=2**20,
    )  # fmt: skip
    agent = AgentProcess(process)
    try:
        if await agent.sooner("ready", within=BOOT_SECONDS) is None:
            await agent.aclose()
            log = agent.log.decode(errors="replace")[-3000:]
            raise HangError(f"the agent did not start (exit code {agent.exit_code}): {log}")
        yield agent
    finally:
        await agent.aclose()
