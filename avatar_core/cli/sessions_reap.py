"""``avatar sessions reap``: look, ask the person at the terminal, end."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import typer

from avatar_core.cli.output import print_json, print_trouble, printable
from avatar_core.cli.sessions_output import judged_json, print_judged
from avatar_core.discovery.selection import Resolved
from avatar_core.operations.account import open_accounts
from avatar_core.operations.reaper import Reaped, Reaper
from avatar_core.operations.room_members import ServerAccess
from avatar_core.operations.verdicts import JudgedSession


@dataclass(frozen=True, slots=True, kw_only=True)
class ReapRequest:
    """What was asked for on the command line.

    Args:
        chosen: The providers.
        access: The LiveKit server.
        grace: Seconds of age below which a session is left alone.
        yes: Do not ask.
        dry_run: End nothing.
        as_json: Print JSON.
    """

    chosen: tuple[Resolved, ...]
    access: ServerAccess
    grace: float
    yes: bool
    dry_run: bool
    as_json: bool

    @property
    def providers(self) -> str:
        """Names of the providers, as they stand in a sentence."""
        return " and ".join(dict.fromkeys(each.provider.name for each in self.chosen))


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """One look at all sessions, and what came of it.

    Args:
        found: All sessions.
        reaped: What became of those that were to be ended.
    """

    found: tuple[JudgedSession, ...]
    reaped: tuple[Reaped, ...] = ()

    @property
    def orphaned(self) -> tuple[JudgedSession, ...]:
        """Sessions that are to be ended."""
        return tuple(each for each in self.found if each.verdict == "orphaned")

    @property
    def failed(self) -> bool:
        """Whether a session was not ended, or nobody knows whether it had to be."""
        return any(each.error is not None for each in self.reaped) or any(
            each.verdict == "unchecked" for each in self.found
        )

    def to_json(self) -> list[dict[str, object]]:
        """Return it for JSON."""
        return judged_json(self.found, {each.judged.key: each for each in self.reaped})


def reap_once(request: ReapRequest) -> int:
    """Look, ask unless told not to, and end.

    Args:
        request: What to do.

    Returns:
        The exit code.

    Raises:
        AvatarError: A provider did not tell its sessions, or the server refuses the key.
    """
    sweep = asyncio.run(_find(request))
    if not request.as_json:
        _print_found(request, sweep)
    unasked = False
    if sweep.orphaned and not request.dry_run:
        if request.yes:
            sweep = asyncio.run(_end(request, sweep, look_again=False))
        elif not sys.stdin.isatty():
            unasked = True
        elif _ask(sweep, shown=not request.as_json):
            sweep = asyncio.run(_end(request, sweep, look_again=True))
    if request.as_json:
        print_json(sweep.to_json())
    tell_ends(sweep, as_json=request.as_json)
    if unasked:
        print_trouble("avatar: nothing is ended, for nobody is there to be asked: give --yes")
    return int(unasked or sweep.failed)


def tell_ends(sweep: Sweep, *, as_json: bool) -> None:
    """Say what was ended, and what was not and why.

    Args:
        sweep: What was done.
        as_json: Nothing but JSON belongs on stdout.
    """
    for each in sweep.reaped:
        session_id = each.judged.session.session_id
        if each.error is not None:
            print_trouble(f"avatar: {session_id} is not ended: {each.error}")
        elif not as_json:
            typer.echo(printable(f"ended {session_id}: {each.judged.reason}"))


@asynccontextmanager
async def open_reaper(request: ReapRequest) -> AsyncIterator[Reaper]:
    """Make a reaper on this event loop.

    Args:
        request: What to do.
    """
    async with open_accounts(request.chosen) as accounts:
        yield Reaper(accounts, request.access, grace=request.grace)


async def _find(request: ReapRequest) -> Sweep:
    async with open_reaper(request) as reaper:
        return Sweep(found=await reaper.find())


async def _end(request: ReapRequest, sweep: Sweep, *, look_again: bool) -> Sweep:
    async with open_reaper(request) as reaper:
        orphaned: Sequence[JudgedSession] = sweep.orphaned
        if look_again:  # an answer takes its time, and an agent may have come back meanwhile
            keys = {each.key for each in orphaned}
            sweep = Sweep(found=await reaper.look())
            orphaned = [each for each in sweep.orphaned if each.key in keys]
            if len(orphaned) < len(keys):
                print_trouble(f"{_count(len(keys) - len(orphaned))} not orphaned any more")
        return Sweep(found=sweep.found, reaped=await reaper.end(orphaned))


def _print_found(request: ReapRequest, sweep: Sweep) -> None:
    if sweep.found:
        print_judged(sweep.found)
        sys.stdout.flush()
    if not sweep.orphaned:
        print_trouble(f"no orphaned session at {request.providers}")


def _ask(sweep: Sweep, *, shown: bool) -> bool:
    # On stderr: what is on stdout may be read by a program.
    if not shown:  # JSON comes at the end, and nobody can agree to what he has not seen
        for each in sweep.orphaned:
            print_trouble(f"{each.session.session_id} {each.verdict}: {each.reason}")
    sys.stderr.write(f"End {_count(len(sweep.orphaned))}? [y/N] ")
    sys.stderr.flush()
    try:
        return input().strip().lower() in ("y", "yes")
    except EOFError:  # Ctrl-D
        sys.stderr.write("\n")
        return False


def _count(number: int) -> str:
    return f"{number} session" + ("" if number == 1 else "s")
