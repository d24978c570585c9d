"""``avatar verify``: the conformance suite against the real service, with the user's own key."""

from __future__ import annotations

import importlib.util
import math
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from avatar_core.cli.output import print_json, print_trouble
from avatar_core.contract.errors import AvatarError, ConfigurationError

if TYPE_CHECKING:
    from avatar_core.verification.verification import Verification

_CANNOT = 2
_INTERRUPTED = 130  # what a shell expects of a program that Ctrl-C ended


def verify(
    provider: Annotated[
        str,
        typer.Argument(metavar="PROVIDER", help="name[/avatar][?option=value&…]"),
    ],
    option: Annotated[
        list[str] | None,
        typer.Option(
            "--option", metavar="KEY=VALUE", help="An option of the provider; several times."
        ),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", metavar="CLAUSE", help="Verify this clause; several times."),
    ] = None,
    without: Annotated[
        list[str] | None,
        typer.Option("--without", metavar="CLAUSE", help="Leave this clause out; several times."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Create the sessions without asking.")] = False,
    starts_per_minute: Annotated[
        int | None,
        typer.Option(
            "--starts-per-minute",
            metavar="N",
            min=0,
            help="Start no more sessions than that; 0 for any number. Default: 4, and any number"
            " at a service on this machine.",
        ),
    ] = None,
    cancellations: Annotated[
        int,
        typer.Option(
            "--cancellations", metavar="N", min=1, help="Cancel a start at N moments at most."
        ),
    ] = 6,
    patience: Annotated[
        float,
        typer.Option(
            "--patience", metavar="S", min=1, help="Seconds that joining and speaking may take."
        ),
    ] = 20.0,
    allow_private_server: Annotated[
        bool,
        typer.Option(
            "--allow-private-server",
            help="Also use a LiveKit server that a vendor outside is unlikely to reach.",
        ),
    ] = False,
    record: Annotated[
        Path | None,
        typer.Option("--record", metavar="FILE", help="Write the result into a JSON file."),
    ] = None,
    details: Annotated[
        bool, typer.Option("--details", help="Show where in the suite a clause failed.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the result as JSON on stdout.")
    ] = False,
) -> None:
    """Hold a provider to its contract against the real service, with your own key.

    It costs money: how many sessions, for how long, is said and asked about before anything is
    created, and no more than that is. What is verified is the clauses of ProviderConformance but
    those that let an API fail; they are listed. LIVEKIT_URL, LIVEKIT_API_KEY and
    LIVEKIT_API_SECRET name the LiveKit server, a public one for a vendor's cloud. Ctrl-C ends
    what was started.

    Exit code 0 if all passed; 1 if a clause failed or a session may still live; 2 if nothing was
    verified.
    """
    verification: Verification | None = None
    try:
        verification = _prepared(
            provider,
            options=option or [],
            only=only or [],
            without=without or [],
            starts_per_minute=starts_per_minute,
            cancellations=cancellations,
            patience=patience,
            allow_private_server=allow_private_server,
            record=record,
            details=details,
            as_json=as_json,
        )
        verification.announce()
        if not yes and not _agreed():
            print_trouble("nothing was created")
            raise typer.Exit(_CANNOT)
        code = verification.run()
    except AvatarError as exc:
        print_trouble(f"avatar verify: {exc}")
        raise typer.Exit(_CANNOT) from None
    except KeyboardInterrupt:
        created = verification is not None and verification.ledger.entries
        print_trouble("stopped" if created else "stopped: nothing was created")
        raise typer.Exit(_INTERRUPTED) from None
    if as_json:
        print_json(verification.to_json())
    raise typer.Exit(code)


def _prepared(
    provider: str,
    *,
    options: list[str],
    only: list[str],
    without: list[str],
    starts_per_minute: int | None,
    cancellations: int,
    patience: float,
    allow_private_server: bool,
    record: Path | None,
    details: bool,
    as_json: bool,
) -> Verification:
    """Find every mistake that can be found before anything is created.

    Raises:
        AvatarError: There is one.
    """
    for module, distribution in (("pytest", "pytest"), ("pytest_asyncio", "pytest-asyncio")):
        if importlib.util.find_spec(module) is None:
            raise ConfigurationError(
                f"the clauses are run by pytest, and {distribution} is not installed: pip install"
                ' "avatar-core[verify]"'
            )
    if not math.isfinite(patience):
        raise ConfigurationError(f"--patience {patience} is no number of seconds")
    from avatar_core.verification.plan import make_plan
    from avatar_core.verification.record import check_writable
    from avatar_core.verification.suite import suite_of
    from avatar_core.verification.target import choose_server, choose_target
    from avatar_core.verification.verification import REMOTE_STARTS_PER_MINUTE, Verification

    target = choose_target(provider, options)
    server = choose_server(target, allow_private=allow_private_server)
    if record is not None:
        check_writable(record)
    if starts_per_minute is None and not target.is_here:
        starts_per_minute = REMOTE_STARTS_PER_MINUTE
    suite = suite_of(
        target,
        patience=patience,
        most_cancellations=cancellations,
        # Not switched off, as it is in tests: what a kill leaves can be reaped.
        environment={"AVATAR_JOURNAL": os.environ.get("AVATAR_JOURNAL", "")},
    )
    plan = make_plan(suite, only=only, without=without, starts_per_minute=starts_per_minute or None)
    return Verification(
        target=target,
        server=server,
        suite=suite,
        plan=plan,
        starts_per_minute=starts_per_minute or None,
        record=record,
        details=details,
        # With --json stdout is the result's alone.
        tell=_teller(sys.stderr if as_json else sys.stdout),
    )


def _teller(stream: TextIO) -> Callable[[str], None]:
    # The stream as it is now: while pytest runs, what stdout is called is another one.
    def tell(line: str) -> None:
        stream.write(f"{line.rstrip()}\n")
        stream.flush()

    return tell


def _agreed() -> bool:
    """Ask the person at the terminal.

    Raises:
        ConfigurationError: Nobody is there to answer.
    """
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise ConfigurationError(
            "nothing was created: it would cost what is said above, and nobody is at a terminal to"
            " agree; give --yes"
        )
    sys.stderr.write("Create them? [y/N] ")
    sys.stderr.flush()
    try:
        return input().strip().lower() in ("y", "yes")
    except EOFError:  # Ctrl-D
        sys.stderr.write("\n")
        return False
