"""An emulator beside code that blocks: on an event loop in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from typing_extensions import Self

from avatar_provider_protoface.emulator.emulator import ProtofaceEmulator
from avatar_provider_protoface.emulator.faults import Fault
from avatar_provider_protoface.emulator.manners import WorkerManners
from avatar_provider_protoface.emulator.records import SessionRecord
from avatar_provider_protoface.emulator.server import SeenRequest
from avatar_provider_protoface.emulator.settings import EmulatorSettings

T = TypeVar("T")


class EmulatorInThread:
    """A running emulator; its methods may be called from any thread.

    Args:
        emulator: The emulator.
        loop: Its event loop.
    """

    def __init__(self, emulator: ProtofaceEmulator, loop: asyncio.AbstractEventLoop) -> None:
        self._emulator = emulator
        self._loop = loop
        self.url = emulator.url
        self.api_key = emulator.api_key
        self.environment = emulator.environment

    @classmethod
    @contextmanager
    def start(cls, settings: EmulatorSettings | None = None) -> Iterator[Self]:
        """Run an emulator while the context is open.

        Args:
            settings: How it behaves; by default with no wait and no limit of starts.
        """
        chosen = settings or EmulatorSettings(starts_per_minute=None, claim_seconds=0.0)
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever, name="protoface-emulator", daemon=True)
        thread.start()
        try:
            emulator = ProtofaceEmulator(chosen)
            _run(loop, emulator.start())
            try:
                yield cls(emulator, loop)
            finally:
                _run(loop, emulator.aclose())
                _run(loop, loop.shutdown_default_executor())
        finally:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()

    @property
    def sessions(self) -> list[SessionRecord]:
        """All sessions, the newest first."""
        return self.do(lambda emulator: emulator.sessions)

    @property
    def unended(self) -> list[SessionRecord]:
        """Sessions that still cost money."""
        return self.do(lambda emulator: emulator.unended)

    @property
    def requests(self) -> list[SeenRequest]:
        """All requests so far, in order."""
        return self.do(lambda emulator: list(emulator.requests))

    def fail_next(self, fault: Fault) -> None:
        """Let the next calls go wrong."""
        self.do(lambda emulator: emulator.faults.add(fault))

    def set_manners(self, manners: WorkerManners) -> None:
        """Let the workers of coming sessions misbehave."""

        def act(emulator: ProtofaceEmulator) -> None:
            emulator.manners = manners

        self.do(act)

    def do(self, act: Callable[[ProtofaceEmulator], T]) -> T:
        """Do something with the emulator on its own loop."""

        async def run() -> T:
            return act(self._emulator)

        return _run(self._loop, run())


def _run(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run_coroutine_threadsafe(work, loop).result()
