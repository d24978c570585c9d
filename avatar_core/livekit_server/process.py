"""A running server: started on free ports, ready when returned, gone when stopped."""

from __future__ import annotations

import asyncio
import secrets
import weakref
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from avatar_core.livekit_server.binary import Progress, livekit_server_binary
from avatar_core.livekit_server.child_process import ServerProcess
from avatar_core.livekit_server.errors import LiveKitServerError
from avatar_core.livekit_server.loopback import HOST, Ports, free_ports, server_config

if TYPE_CHECKING:
    from livekit.api import LiveKitAPI

_ATTEMPTS = 5


class LiveKitServer:
    """A LiveKit server on 127.0.0.1 that ends with this object, and with this process.

    Made by :meth:`start` or, in a coroutine, :meth:`start_async`; both also serve as context
    managers: ``with LiveKitServer.start() as server``.

    Args:
        process: What runs, from :meth:`start`.
        ports: Where it listens.
        api_key: The one key it accepts.
        api_secret: Its secret.
    """

    def __init__(
        self, *, process: ServerProcess, ports: Ports, api_key: str, api_secret: str
    ) -> None:
        self._process = process
        self.url = f"ws://{HOST}:{ports.signal}"
        self.api_key = api_key
        self.api_secret = api_secret
        self.ports = ports
        # Also when the object is dropped, and at the interpreter's end.
        self._finalizer = weakref.finalize(self, process.stop)

    @classmethod
    def start(
        cls, *, progress: Progress | None = None, binary: Path | None = None
    ) -> LiveKitServer:
        """Start a server on free ports and wait until it answers; the first time it is built.

        Args:
            progress: Takes a line for each step that takes a while.
            binary: The executable; found or built if not given.

        Raises:
            LiveKitServerError: No executable, no free port, or the server does not come up.
        """
        executable = binary or livekit_server_binary(progress=progress)
        # Random per server: a token of one call or test opens nothing in another.
        api_key = f"local{secrets.token_hex(6)}"
        api_secret = secrets.token_urlsafe(32)
        for _ in range(_ATTEMPTS):
            ports = free_ports()
            config = server_config(ports, api_key=api_key, api_secret=api_secret)
            process = ServerProcess(executable, config)
            try:
                if process.wait_until_ready(ports.signal):
                    return cls(process=process, ports=ports, api_key=api_key, api_secret=api_secret)
            except BaseException:  # Ctrl-C too: the server must not outlive the attempt
                process.stop()
                raise
            process.stop()
        raise LiveKitServerError(
            f"no free ports for the LiveKit server after {_ATTEMPTS} attempts: another program "
            "takes them as they are freed; stop it, or set LIVEKIT_URL to a running server"
        )

    @classmethod
    async def start_async(
        cls, *, progress: Progress | None = None, binary: Path | None = None
    ) -> LiveKitServer:
        """Do what :meth:`start` does without blocking the event loop.

        Args:
            progress: Takes a line for each step that takes a while; called in another thread.
            binary: The executable; found or built if not given.

        Raises:
            LiveKitServerError: As :meth:`start`.
        """
        starting = asyncio.ensure_future(
            asyncio.to_thread(cls.start, progress=progress, binary=binary)
        )
        try:
            return await asyncio.shield(starting)
        except asyncio.CancelledError:
            # The thread cannot be interrupted: what it comes up with is stopped when it does.
            starting.add_done_callback(_stop_unwanted)
            raise

    @property
    def pid(self) -> int:
        """The server's process id."""
        return self._process.popen.pid

    @property
    def running(self) -> bool:
        """The server has not exited."""
        return self._process.popen.poll() is None

    @property
    def log_path(self) -> Path:
        """The server's output, warnings and errors only; removed by :meth:`stop`."""
        return self._process.log.path

    def api(self) -> LiveKitAPI:
        """Return a client of the server's API; call it in a coroutine and close it."""
        from livekit.api import LiveKitAPI

        return LiveKitAPI(self.url, self.api_key, self.api_secret)

    def stop(self) -> None:
        """End the server and remove its files; safe to call twice."""
        self._finalizer()

    async def aclose(self) -> None:
        """Do what :meth:`stop` does without blocking the event loop."""
        await asyncio.to_thread(self.stop)

    def __enter__(self) -> LiveKitServer:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _value: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self.stop()

    async def __aenter__(self) -> LiveKitServer:
        return self

    async def __aexit__(
        self,
        _type: type[BaseException] | None,
        _value: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        await self.aclose()


def _stop_unwanted(starting: asyncio.Future[LiveKitServer]) -> None:
    if not starting.cancelled() and starting.exception() is None:
        starting.result().stop()
