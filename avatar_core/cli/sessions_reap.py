"""``avatar sessions reap``: look, ask the person at the terminal, end."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import typer

from avatar_core.cli.output import print_json, print_trouble, printable
from avatar_core.cli.sessions_output import judged_json, print_judged
from avatar_core.contract.errors import AvatarError
from avatar_core.discovery.selection import Resolved
from avatar_core.operations.account import open_accounts
from avatar_core.operations.local_reaper import LocalReaper
from avatar_core.operations.reaper import Reaped, Reaper
from avatar_core.operations.room_members import ServerAccess
from avatar_core.operations.verdicts import JudgedSession


@dataclass(frozen=True, slots=True, kw_only=True)
class ReapRequest:
    """What was asked for on the command line.

    Args:
        chosen: The providers.
        access: The LiveKit server; None to look at this host's journal only.
        journal: Where that lies; None where it is switched off.
        grace: Seconds of age below which a session is left alone.
        yes: Do not ask.
        dry_run: End nothing.
        as_json: Print JSON.
    """

    chosen: tuple[Resolved, ...]
    access: ServerAccess | None
    journal: Path | None
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
        """Sessions that are to be ended and were not dealt with yet."""
        done = {each.judged.key for each in self.reaped}
        return tuple(
            each for each in self.found if each.verdict == "orphaned" and each.key not in done
        )

    @property
    def failed(self) -> bool:
        """Whether a session was not ended, or nobody knows whether it had to be."""
        judged = (*self.found, *(each.judged for each in self.reaped))
        return any(each.error is not None for each in self.reaped) or any(
            each.verdict == "unchecked" for each in judged
        )

    def then(self, later: Sweep) -> Sweep:
        """Return this one and what came after it, each session once."""
        known = {(each.provider, each.session.session_id) for each in self.found} | {
            (each.judged.provider, each.judged.session.session_id) for each in self.reaped
        }
        fresh = (
            each for each in later.found if (each.provider, each.session.session_id) not in known
        )
        return Sweep(found=(*self.found, *fresh), reaped=(*self.reaped, *later.reaped))

    def to_json(self) -> list[dict[str, object]]:
        """Return it for JSON."""
        return judged_json(self.found, {each.judged.key: each for each in self.reaped})


@dataclass(frozen=True, slots=True, kw_only=True)
class Reapers:
    """Who looks for orphaned sessions, each in a way of its own.

    Args:
        local: Looks into this host's journal.
        rooms: Looks into the rooms of the sessions that the providers list; None for neither.
    """

    local: LocalReaper
    rooms: Reaper | None

    @property
    def ending(self) -> bool:
        """Whether sessions are being ended now."""
        return self.local.ending or (self.rooms is not None and self.rooms.ending)

    async def look_locally(self, *, end: bool) -> Sweep:
        """Look into the journal, and end at once what is found.

        Args:
            end: End it.

        Raises:
            ConfigurationError: The journal cannot be read.
        """
        found = self.local.find()
        return Sweep(found=found, reaped=await self.local.end(found) if end else ())

    async def look_into_rooms(self) -> Sweep:
        """Look into the rooms; end nothing.

        Raises:
            AvatarError: A provider did not tell its sessions, or the server refuses the key.
        """
        return Sweep(found=() if self.rooms is None else await self.rooms.find())

    async def end(self, sweep: Sweep) -> Sweep:
        """End what is orphaned.

        Args:
            sweep: What was found, a moment ago.
        """
        local = [each for each in sweep.orphaned if each.stored is not None]
        remote = [each for each in sweep.orphaned if each.stored is None]
        reaped = await self.local.end(local)
        if self.rooms is not None:
            reaped += await self.rooms.end(remote)
        return Sweep(found=sweep.found, reaped=(*sweep.reaped, *reaped))


def reap_once(request: ReapRequest) -> int:
    """Look, ask unless told not to, and end.

    What killed processes of this host have left is looked at before anything else: it costs money,
    and nobody needs it any more.

    Args:
        request: What to do.

    Returns:
        The exit code.

    Raises:
        AvatarError: A provider did not tell its sessions, or the server refuses the key.
    """
    local = asyncio.run(_look_locally(request))
    try:
        sweep = local.then(asyncio.run(_look_into_rooms(request)))
    except AvatarError:
        if local.found:
            _tell(request, local)
        raise
    unasked = False
    if not request.as_json:
        _print_found(request, sweep)
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
        judged = each.judged
        name = judged.session.session_id or f"the session of a start in room {judged.session.room}"
        if each.error is not None:
            print_trouble(f"avatar: {name} is not ended: {each.error}")
        elif as_json:
            continue
        elif each.ended:
            typer.echo(printable(f"ended {name}: {judged.reason}"))
        else:
            typer.echo(printable(f"{name} {judged.verdict}: {judged.reason}"))


@asynccontextmanager
async def open_reapers(request: ReapRequest) -> AsyncIterator[Reapers]:
    """Make reapers on this event loop.

    Args:
        request: What to do.
    """
    async with open_accounts(request.chosen) as accounts:
        yield Reapers(
            local=LocalReaper(accounts, request.journal),
            rooms=None
            if request.access is None
            else Reaper(accounts, request.access, grace=request.grace),
        )


async def _look_locally(request: ReapRequest) -> Sweep:
    async with open_reapers(request) as reapers:
        return await reapers.look_locally(end=request.yes and not request.dry_run)


async def _look_into_rooms(request: ReapRequest) -> Sweep:
    async with open_reapers(request) as reapers:
        return await reapers.look_into_rooms()


async def _end(request: ReapRequest, sweep: Sweep, *, look_again: bool) -> Sweep:
    async with open_reapers(request) as reapers:
        # An answer takes its time, and an agent may have come back meanwhile; not a process.
        if look_again and reapers.rooms is not None:
            keys = {each.key for each in sweep.orphaned}
            local = Sweep(found=tuple(each for each in sweep.found if each.stored is not None))
            again = await reapers.rooms.look()
            still = tuple(
                each
                if each.verdict != "orphaned" or each.key in keys
                else replace(each, verdict="suspect", reason=f"{each.reason}, since just now")
                for each in again
            )
            sweep = local.then(Sweep(found=still))
            if len(sweep.orphaned) < len(keys):
                print_trouble(f"{_count(len(keys) - len(sweep.orphaned))} not orphaned any more")
        return await reapers.end(sweep)


def _tell(request: ReapRequest, sweep: Sweep) -> None:
    if request.as_json:
        print_json(sweep.to_json())
    else:
        print_judged(sweep.found)
        sys.stdout.flush()
    tell_ends(sweep, as_json=request.as_json)


def _print_found(request: ReapRequest, sweep: Sweep) -> None:
    if sweep.found:
        print_judged(sweep.found)
        sys.stdout.flush()
    if not sweep.orphaned and not sweep.reaped:
        print_trouble(f"no orphaned session at {request.providers}")


def _ask(sweep: Sweep, *, shown: bool) -> bool:
    # On stderr: what is on stdout may be read by a program.
    if not shown:  # JSON comes at the end, and nobody can agree to what he has not seen
        for each in sweep.orphaned:
            print_trouble(f"{each.session.session_id or '-'} {each.verdict}: {each.reason}")
    sys.stderr.write(f"End {_count(len(sweep.orphaned))}? [y/N] ")
    sys.stderr.flush()
    try:
        return input().strip().lower() in ("y", "yes")
    except EOFError:  # Ctrl-D
        sys.stderr.write("\n")
        return False


def _count(number: int) -> str:
    return f"{number} session" + ("" if number == 1 else "s")
