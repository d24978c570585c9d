"""``avatar new-provider``: a package to begin with, which works before a line of it is changed."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from avatar_core.cli.output import print_json, stdout_console, text
from avatar_core.scaffold.names import ProviderNames, provider_names
from avatar_core.scaffold.package import write_package
from avatar_core.scaffold.taken import refuse_taken_name


def new_provider(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="What its users call it: lower-case letters and digits, with single - or _"
            " between them.",
        ),
    ],
    directory: Annotated[
        Path | None,
        typer.Option(
            "--directory",
            metavar="PATH",
            help="The folder to make, new or empty. Default: avatar-provider-NAME, in this one.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Write a new provider's package.

    It is complete: it installs, is listed, passes its tests, and talks in avatar demo, by a face of
    its own until it calls your service. Nothing that is there is overwritten.
    """
    from avatar_core.cli.app import own_commands  # which imports this module when it is asked for

    names = provider_names(name)
    refuse_taken_name(names, commands=own_commands())
    folder = directory if directory is not None else Path(names.distribution)
    files = write_package(names, folder)
    commands = _next_commands(names, folder)
    if as_json:
        print_json(
            {
                "name": names.name,
                "distribution": names.distribution,
                "package": names.package,
                "directory": str(folder.absolute()),
                "files": [path.as_posix() for path in files],
                "next": list(commands),
            }
        )
        return
    console = stdout_console()
    console.print(text(f"{names.distribution}, written into {folder}:", "bold"))
    for path in files:
        console.print(text(path.as_posix()), soft_wrap=True)
    console.print()
    console.print(text("Next:", "bold"))
    for command in commands:
        console.print(text(command), soft_wrap=True)


def _next_commands(names: ProviderNames, folder: Path) -> tuple[str, ...]:
    path = str(folder)
    # What begins with a dash would be an option of cd.
    where = shlex.quote(f"./{path}" if path.startswith("-") else path)
    return (
        f'cd {where} && pip install -e ".[dev]"',
        "python -m pytest",
        f"avatar demo --provider {names.name}",
    )
