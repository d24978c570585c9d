"""The emulator: Protoface's realtime API on this machine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from avatar_provider_protoface.emulator.account import Account
from avatar_provider_protoface.emulator.account_routes import AccountRoutes
from avatar_provider_protoface.emulator.avatars import AvatarStore
from avatar_provider_protoface.emulator.control import ControlRoutes
from avatar_provider_protoface.emulator.faults import FaultQueue
from avatar_provider_protoface.emulator.manners import WorkerManners
from avatar_provider_protoface.emulator.records import SessionRecord
from avatar_provider_protoface.emulator.room_worker import RoomWorker
from avatar_provider_protoface.emulator.server import Gate, SeenRequest
from avatar_provider_protoface.emulator.session_routes import SessionRoutes
from avatar_provider_protoface.emulator.session_run import SessionRun, SessionWorker
from avatar_provider_protoface.emulator.settings import EmulatorSettings


class ProtofaceEmulator:
    """One emulated account, behind a real HTTP server on loopback.

    Args:
        settings: How it behaves.
    """

    def __init__(self, settings: EmulatorSettings | None = None) -> None:
        self.settings = settings or EmulatorSettings()
        self.manners = WorkerManners()
        self.avatars = AvatarStore(self.settings)
        self.account = Account(settings=self.settings, make_worker=self._make_worker)
        self._gate = Gate(settings=self.settings)
        self._account_routes = AccountRoutes(
            settings=self.settings, account=self.account, avatars=self.avatars
        )
        self._runner: web.AppRunner | None = None
        self.url = ""

    @property
    def faults(self) -> FaultQueue:
        """Calls that are going to go wrong."""
        return self._gate.faults

    @property
    def requests(self) -> list[SeenRequest]:
        """The latest requests, in order."""
        return list(self._gate.seen)

    @property
    def sessions(self) -> list[SessionRecord]:
        """All sessions, the newest first."""
        return self.account.sessions

    @property
    def unended(self) -> list[SessionRecord]:
        """Sessions that still cost money."""
        return self.account.unended

    @property
    def api_key(self) -> str:
        """A key that is accepted."""
        return self.settings.api_keys[0]

    @property
    def environment(self) -> dict[str, str]:
        """Variables that send every Protoface client here."""
        return {"PROTOFACE_API_URL": self.url, "PROTOFACE_API_KEY": self.api_key}

    def set_health(self, status: str) -> None:
        """Say from now on how the API is: operational, degraded or outage."""
        self._account_routes.health = status

    async def start(self) -> None:
        """Listen.

        Raises:
            OSError: The port is taken.
        """
        if self.settings.worker == "room":
            # Drawing and LiveKit take seconds to import: not in the middle of the first session.
            await asyncio.to_thread(_import_worker)
        app = self._gate.make_app()
        SessionRoutes(settings=self.settings, account=self.account, avatars=self.avatars).add_to(
            app
        )
        self._account_routes.add_to(app)
        if self.settings.control:
            ControlRoutes(self).add_to(app)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self.settings.host, self.settings.port).start()
        except OSError:
            await self._runner.cleanup()
            raise
        port = self._runner.addresses[0][1]
        self.url = f"http://{self.settings.host}:{port}"

    async def aclose(self) -> None:
        """Stop listening, and take every avatar out of its room."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()
        await self.account.aclose()
        self.avatars.close()

    def _make_worker(self, run: SessionRun) -> SessionWorker | None:
        if self.settings.worker == "none" or run.record.transport["type"] != "livekit":
            return None
        return RoomWorker(
            run=run,
            manners=self.manners,
            clock=self.settings.clock,
            size=self.settings.size,
            fps=self.settings.fps,
        )


@asynccontextmanager
async def open_emulator(
    settings: EmulatorSettings | None = None,
) -> AsyncIterator[ProtofaceEmulator]:
    """Run an emulator on this event loop.

    Args:
        settings: How it behaves.
    """
    emulator = ProtofaceEmulator(settings)
    await emulator.start()
    try:
        yield emulator
    finally:
        await emulator.aclose()


def _import_worker() -> None:
    import avatar_provider_mock.face  # noqa: F401
