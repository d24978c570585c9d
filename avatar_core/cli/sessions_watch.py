"""``avatar sessions reap --watch``: again and again, until somebody has enough."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from typing import Any

import typer
from typer.core import TyperCommand

from avatar_core.cli.output import print_trouble, printable
from avatar_core.cli.sessions_reap import (
    Reapers,
    ReapRequest,
    Sweep,
    open_reapers,
    tell_ends,
)
from avatar_core.contract.errors import (
    AvatarError,
    ConfigurationError,
    ProviderAuthError,
    ProviderError,
)

WATCH_SECONDS = 30
SHORTEST_SECONDS = 1.0
"""Below this a provider would rather limit the rate than answer."""

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class WatchCommand(TyperCommand):
    """Understands ``--watch`` with and without a number behind it."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Write the number where it was left out."""
        written: list[str] = []
        for index, word in enumerate(args):
            written.append(word)
            if word == "--watch" and (args[index + 1 :] or ["-"])[0].startswith("-"):
                written.append(str(WATCH_SECONDS))
        return super().parse_args(ctx, written)


def watch_sessions(request: ReapRequest, *, every: float) -> int:
    """Look and end until SIGINT or SIGTERM; an end that is under way then is seen through.

    Args:
        request: What to do; asking nobody.
        every: Seconds from one look to the next.

    Returns:
        The exit code.

    Raises:
        AvatarError: It cannot work, now or later; what may pass is told, and tried again.
    """
    return asyncio.run(_Watch(request, every).run())


class _Watch:
    def __init__(self, request: ReapRequest, every: float) -> None:
        self._request = request
        self._every = every
        self._stop = asyncio.Event()
        self._told: dict[tuple[str, str], str] = {}

    async def run(self) -> int:
        loop = asyncio.get_running_loop()
        stopping = asyncio.ensure_future(self._stop.wait())
        for number in _SIGNALS:
            loop.add_signal_handler(number, self._interrupt)
        try:
            async with open_reapers(self._request) as reapers:
                while not self._stop.is_set():
                    await self._sweep_unless(stopping, reapers)
                    await asyncio.wait([stopping], timeout=self._every)
        finally:
            for number in _SIGNALS:
                loop.remove_signal_handler(number)
            stopping.cancel()
            await asyncio.wait([stopping])
        print_trouble("stopped")
        return 0

    def _interrupt(self) -> None:
        self._stop.set()
        for number in _SIGNALS:  # whoever is still not content ends the process as it is
            asyncio.get_running_loop().remove_signal_handler(number)

    async def _sweep_unless(self, stopping: asyncio.Future[Any], reapers: Reapers) -> None:
        sweep = asyncio.ensure_future(self._sweep(reapers))
        await asyncio.wait([sweep, stopping], return_when=asyncio.FIRST_COMPLETED)
        if not reapers.ending:
            sweep.cancel()  # of what has only been looked at, nothing is lost
        await asyncio.wait([sweep])
        if sweep.cancelled():
            return
        try:
            self._tell(sweep.result())
        except (ConfigurationError, ProviderAuthError):
            raise  # the next look would find the same
        except ProviderError as exc:
            print_trouble(f"avatar: {exc}; looking again in {self._every:g} s")

    async def _sweep(self, reapers: Reapers) -> Sweep:
        end = not self._request.dry_run
        local = await reapers.look_locally(end=end)
        try:
            sweep = local.then(await reapers.look_into_rooms())
        except (AvatarError, asyncio.CancelledError):
            tell_ends(local, as_json=self._request.as_json)  # it is done, whatever became of this
            raise
        return await reapers.end(sweep) if end else sweep

    def _tell(self, sweep: Sweep) -> None:
        if self._request.as_json:
            line = {"at": round(time.time(), 3), "sessions": sweep.to_json()}
            sys.stdout.write(json.dumps(line, ensure_ascii=False, default=str) + "\n")
        else:
            self._tell_changes(sweep)
        tell_ends(sweep, as_json=self._request.as_json)
        sys.stdout.flush()

    def _tell_changes(self, sweep: Sweep) -> None:
        """Print each session once, and again when something else is found about it."""
        told = {each.key: f"{each.verdict}: {each.reason}" for each in sweep.found}
        ended = {each.judged.key for each in sweep.reaped}
        for each in sweep.found:
            words = told[each.key]
            if each.key not in ended and self._told.get(each.key) != words:
                typer.echo(printable(f"{each.session.session_id} {words}"))
        self._told = told
