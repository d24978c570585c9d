"""One plugin object at work: made, started and closed in a task of its own."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from livekit import rtc
from livekit.agents import AgentSession, get_job_context
from livekit.agents.utils import http_context

from avatar_core.contract.audio_routes import AudioRoute, Sink
from avatar_core.contract.errors import (
    ConfigurationError,
    ProviderTimeoutError,
    StartUncertainError,
)
from avatar_core.contract.models import RoomAddress
from avatar_core.log import logger
from avatar_provider_livekit.agent_view import AgentView
from avatar_provider_livekit.job_view import JobView
from avatar_provider_livekit.livekit_internals import as_data_stream, dispose, job_variable
from avatar_provider_livekit.plugin_ending import end_plugin
from avatar_provider_livekit.plugin_errors import LoggedTrouble, silent_error, start_error

CLEAN_SECONDS = 3.0
"""Seconds that a plugin whose start has failed may take to clean up behind itself."""


@dataclass(frozen=True, kw_only=True)
class PluginCall:
    """What a plugin is started with.

    Args:
        name: The plugin's name.
        package: Its Python package, which is the name of its logger.
        make: Makes its object, or returns the one it was given.
        agent_session: The agent's session.
        room: The agent's room.
        address: Its address.
        arguments: Keywords of its ``start``.
    """

    name: str
    package: str
    make: Callable[[], Any]
    agent_session: AgentSession[Any]
    room: rtc.Room
    address: RoomAddress
    arguments: dict[str, Any]


class PluginRun:
    """Drives one plugin object from its making to its end.

    All of it runs in one task: there alone the job that plugins look for is the stand-in, and
    there an HTTP connection is opened for them where the process has none.

    Args:
        call: What to start.
    """

    def __init__(self, call: PluginCall) -> None:
        self._call = call
        self._view = AgentView(call.agent_session)
        self._job = JobView(
            job=get_job_context(required=False), room=call.room, address=call.address
        )
        self._ends: asyncio.Queue[asyncio.Future[None]] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None
        self.plugin: Any = None
        """The plugin's object; None before it is made."""

    @property
    def audio(self) -> AudioRoute:
        """How speech reaches the avatar, as the plugin wants it."""
        output = self._view.output.captured
        assert output is not None, "a plugin that installs nothing has failed to start"
        return as_data_stream(output) or Sink(output=output)

    async def start(self, *, seconds: float) -> None:
        """Make the plugin's object and start it.

        Args:
            seconds: How long that may take: most plugins wait for an answer without a limit.

        Raises:
            ConfigurationError: The plugin refused its arguments.
            ProviderError: Its start failed; nothing of it is left in this process.
        """
        started: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(
            self._live(started, seconds), name=f"avatar-livekit-{self._call.name}"
        )
        await asyncio.wait([started, self._task], return_when=asyncio.FIRST_COMPLETED)
        if not started.done():
            self._task.result()
        started.result()

    async def end(self) -> None:
        """Close the plugin; safe to call again, and again after it failed."""
        if self._task is None or self._task.done():
            return
        ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._ends.put_nowait(ended)
        await asyncio.wait([ended, self._task], return_when=asyncio.FIRST_COMPLETED)
        if ended.done():
            ended.result()
            await asyncio.wait([self._task])

    # --- in its own task -----------------------------------------------------------------------

    async def _live(self, started: asyncio.Future[None], seconds: float) -> None:
        variable = job_variable()
        if variable is not None:
            variable.set(self._job)  # this task's own: it ends with it
        async with http_context.open():
            try:
                await self._start(seconds)
            except (asyncio.CancelledError, KeyboardInterrupt, GeneratorExit):
                raise
            except BaseException as exc:  # noqa: BLE001 - a SystemExit would end the event loop
                await self._clean_up()
                started.set_exception(exc if isinstance(exc, Exception) else _exited(exc))
                return
            started.set_result(None)
            while True:
                ended = await self._ends.get()
                try:
                    await end_plugin(self._call.name, self.plugin, self._job)
                except Exception as exc:  # noqa: BLE001 - handed to who waits, who asks again
                    if not ended.done():
                        ended.set_exception(exc)
                    continue
                dispose(self._view.output.captured)
                if not ended.done():
                    ended.set_result(None)
                return

    async def _start(self, seconds: float) -> None:
        with LoggedTrouble(self._call.package) as logged:
            try:
                self.plugin = self._call.make()
            except ConfigurationError:
                raise
            except Exception as exc:
                raise ConfigurationError(
                    f"LiveKit's plugin {self._call.name!r} refused its options with a"
                    f" {type(exc).__name__}, which is chained and says why"
                ) from exc
            try:
                await asyncio.wait_for(
                    self.plugin.start(self._view, self._call.room, **self._call.arguments), seconds
                )
            except asyncio.TimeoutError as exc:
                raise ProviderTimeoutError(
                    f"its API did not answer within {seconds:.1f} s; a session may exist there"
                ) from exc
            except Exception as exc:
                raise start_error(exc, logged) from exc
            if self._view.output.captured is None:
                raise silent_error(logged) from logged.error

    async def _clean_up(self) -> None:
        if self.plugin is None:
            return
        closing = end_plugin(self._call.name, self.plugin, self._job)
        try:
            await asyncio.wait_for(closing, CLEAN_SECONDS)
        except Exception as exc:  # noqa: BLE001 - its start has failed, and that is what counts
            logger.warning(
                "a LiveKit plugin could not be closed after its start had failed",
                extra={"plugin": self._call.name, "error_type": type(exc).__name__},
            )
        with contextlib.suppress(Exception):
            dispose(self._view.output.captured)


def _exited(exc: BaseException) -> StartUncertainError:
    return StartUncertainError(
        f"LiveKit's plugin raised {type(exc).__name__}; a session may exist at the vendor"
    )
