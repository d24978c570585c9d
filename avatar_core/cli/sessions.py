"""``avatar sessions``: what lives at the providers, and how it is ended."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from avatar_core.cli.operator_log import operator_log
from avatar_core.cli.output import print_json, print_trouble
from avatar_core.cli.provider_choice import choose_providers
from avatar_core.cli.sessions_output import print_sessions, session_json
from avatar_core.cli.sessions_reap import ReapRequest, reap_once
from avatar_core.cli.sessions_watch import (
    SHORTEST_SECONDS,
    WATCH_SECONDS,
    WatchCommand,
    watch_sessions,
)
from avatar_core.contract.errors import AvatarError, ConfigurationError
from avatar_core.contract.models import ListedSession
from avatar_core.discovery.selection import Resolved
from avatar_core.operations.account import ProviderAccount, open_accounts
from avatar_core.operations.reaper import GRACE_SECONDS
from avatar_core.operations.room_members import ServerAccess
from avatar_core.session.journal_entry import journal_folder

_REASON = "ended by an operator"

ProviderChoice = Annotated[
    str | None,
    typer.Option(
        "--provider",
        metavar="SPEC",
        help="The provider: name[/avatar][?option=value&…]. Default: AVATAR_PROVIDER.",
    ),
]
OptionChoice = Annotated[
    list[str] | None,
    typer.Option("--option", metavar="KEY=VALUE", help="An option of the provider; several times."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]

sessions = typer.Typer(
    name="sessions",
    add_completion=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Before:
    """Options that stand before the subcommand; what stands behind it wins."""

    provider: str | None
    option: list[str]
    as_json: bool


@sessions.callback(invoke_without_command=True)
def list_sessions(
    ctx: typer.Context,
    provider: ProviderChoice = None,
    option: OptionChoice = None,
    as_json: AsJson = False,
) -> None:
    """List the sessions that live at a provider now; `end` and `reap` end them.

    The JSON is an array of objects; keys are added over time, never removed.
    """
    ctx.obj = _Before(provider=provider, option=option or [], as_json=as_json)
    ctx.with_resource(operator_log())
    if ctx.invoked_subcommand is not None:
        return
    chosen = choose_providers(provider, option or [], hook="list_sessions")
    rows, troubles = asyncio.run(_list(chosen))
    if as_json:
        print_json([session_json(name, session) for name, session in rows])
    elif rows:
        print_sessions(rows)
    elif not troubles:
        print_trouble(f"no live session at {_names(chosen)}")
    for trouble in troubles:
        print_trouble(f"avatar: {trouble}")
    if troubles:
        raise typer.Exit(1)


@sessions.command("end")
def end(
    ctx: typer.Context,
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help="Sessions to end.")],
    provider: ProviderChoice = None,
    option: OptionChoice = None,
    as_json: AsJson = False,
) -> None:
    """End sessions by their ids; ending one that has ended is no error.

    Each is asked for again for up to 20 seconds, until the provider acknowledges it. Exit code 1
    if one was not: it may go on, and is billed.
    """
    if not all(each.strip() for each in ids):
        raise typer.BadParameter("an ID is empty")
    before: _Before = ctx.obj
    chosen = choose_providers(
        provider or before.provider, option or before.option, hook="end_session"
    )
    if len({each.provider.name for each in chosen}) > 1:
        raise ConfigurationError("ids belong to one provider, and several are chosen: name it")
    outcomes = asyncio.run(_end(chosen[0], list(dict.fromkeys(ids))))
    if as_json or before.as_json:
        print_json(
            [
                {
                    "provider": chosen[0].provider.name,
                    "id": session_id,
                    "ended": error is None,
                    "error": None if error is None else str(error),
                }
                for session_id, error in outcomes
            ]
        )
    for session_id, error in outcomes:
        if error is not None:
            print_trouble(f"avatar: {session_id} is not ended: {error}")
        elif not (as_json or before.as_json):
            typer.echo(f"ended {session_id}")
    if any(error is not None for _, error in outcomes):
        raise typer.Exit(1)


@sessions.command("reap", cls=WatchCommand)
def reap(
    ctx: typer.Context,
    provider: ProviderChoice = None,
    option: OptionChoice = None,
    yes: Annotated[bool, typer.Option("--yes", help="End them without asking.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show them, end nothing.")] = False,
    watch: Annotated[
        float | None,
        typer.Option(
            "--watch",
            metavar="[SECONDS]",
            min=SHORTEST_SECONDS,
            help=f"Look again every SECONDS, {WATCH_SECONDS} if not given, until Ctrl-C; with --yes"
            " or --dry-run.",
        ),
    ] = None,
    grace: Annotated[
        float,
        typer.Option(
            "--grace",
            metavar="SECONDS",
            min=0,
            help="Leave younger sessions alone: their agent may still be joining.",
        ),
    ] = GRACE_SECONDS,
    livekit_url: Annotated[
        str | None, typer.Option("--livekit-url", help="Default: LIVEKIT_URL.")
    ] = None,
    livekit_api_key: Annotated[
        str | None, typer.Option("--livekit-api-key", help="Default: LIVEKIT_API_KEY.")
    ] = None,
    livekit_api_secret: Annotated[
        str | None, typer.Option("--livekit-api-secret", help="Default: LIVEKIT_API_SECRET.")
    ] = None,
    worker_livekit_url: Annotated[
        list[str] | None,
        typer.Option(
            "--worker-livekit-url",
            metavar="URL",
            help="Where the provider's workers reach the same server, if that differs; several"
            " times.",
        ),
    ] = None,
    allow_insecure_url: Annotated[
        bool,
        typer.Option("--allow-insecure-url", help="Accept plain ws:// in a network you trust."),
    ] = False,
    local: Annotated[
        bool,
        typer.Option(
            "--local", help="Only what killed processes of this host left: no room is looked at."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """End sessions whose agent's process was killed, or whose agent left their LiveKit room.

    What a process of this host left that is gone is in the journal, and is ended at once. Any
    other session is ended only if it was started by avatar-core for a room on this LiveKit
    server, and two looks, five seconds apart, did not find its agent in that room. The rest is
    listed with the reason why it is left alone. Exit code 1 if one was not ended, or a room could
    not be looked at.
    """
    if watch is not None and not (yes or dry_run):
        raise typer.BadParameter("--watch asks nobody: give --yes or --dry-run with it")
    before: _Before = ctx.obj
    request = ReapRequest(
        chosen=choose_providers(
            provider or before.provider,
            option or before.option,
            hook="end_session" if local else "list_sessions",
        ),
        access=None
        if local
        else ServerAccess.given(
            url=livekit_url,
            api_key=livekit_api_key,
            api_secret=livekit_api_secret,
            worker_urls=worker_livekit_url or (),
            allow_insecure_url=allow_insecure_url,
        ),
        journal=_journal(),
        grace=grace,
        yes=yes,
        dry_run=dry_run,
        as_json=as_json or before.as_json,
    )
    if watch is None:
        raise typer.Exit(reap_once(request))
    raise typer.Exit(watch_sessions(request, every=watch))


# --- how ------------------------------------------------------------------------------------------


def _journal() -> Path | None:
    try:
        return journal_folder()
    except RuntimeError:
        return None  # nobody here could have written one


async def _list(
    chosen: tuple[Resolved, ...],
) -> tuple[list[tuple[str, ListedSession]], list[AvatarError]]:
    """List all; a provider that fails does not hide what the others say."""
    found: dict[tuple[str, str], ListedSession] = {}
    troubles: list[AvatarError] = []
    async with open_accounts(chosen) as accounts:
        answers: list[Any] = await asyncio.gather(
            *(account.list_sessions() for account in accounts), return_exceptions=True
        )
    for account, answer in zip(accounts, answers, strict=True):
        if isinstance(answer, AvatarError):
            troubles.append(answer)
        elif isinstance(answer, BaseException):
            raise answer
        else:
            found.update(((account.provider, each.session_id), each) for each in answer)
    return [(provider, session) for (provider, _), session in found.items()], troubles


async def _end(chosen: Resolved, ids: list[str]) -> list[tuple[str, AvatarError | None]]:
    async with open_accounts([chosen]) as (account,):
        errors = await asyncio.gather(*(_end_one(account, each) for each in ids))
    return list(zip(ids, errors, strict=True))


async def _end_one(account: ProviderAccount, session_id: str) -> AvatarError | None:
    try:
        await account.end(
            ListedSession(session_id=session_id, status=""), reason=_REASON, must_exist=True
        )
    except AvatarError as exc:
        return exc
    return None


def _names(chosen: tuple[Resolved, ...]) -> str:
    return " and ".join(dict.fromkeys(each.provider.name for each in chosen))
