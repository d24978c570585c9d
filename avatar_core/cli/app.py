"""The command line ``avatar``: commands are imported when they are run, not before."""

from __future__ import annotations

import importlib
import importlib.util
import io
import os
import sys
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from avatar_core.cli.output import print_trouble


@dataclass(frozen=True, slots=True)
class _Lazy:
    """A command of this package.

    Args:
        module: Where it is.
        attribute: A function, or a ``typer.Typer``.
        help: The line it has in ``avatar --help``.
        extra: The extra of avatar-core that brings what it imports.
    """

    module: str
    attribute: str
    help: str
    extra: str = ""


_COMMANDS = {
    "providers": _Lazy(
        "avatar_core.cli.providers", "providers", "List avatar providers, or explain one."
    ),
    "sessions": _Lazy(
        "avatar_core.cli.sessions", "sessions", "List sessions at providers, and end them."
    ),
    "demo": _Lazy(
        "avatar_core.cli.demo", "demo", "Talk to an avatar on a page, or record a call.", "demo"
    ),
    "verify": _Lazy(
        "avatar_core.verification.command",
        "verify",
        "Hold a provider to its contract against its real service.",
    ),
    "new-provider": _Lazy(
        "avatar_core.cli.new_provider", "new_provider", "Write a new provider's package."
    ),
}


def own_commands() -> frozenset[str]:
    """Return the names that no provider's command can have."""
    return frozenset(_COMMANDS)


class _AvatarGroup(TyperGroup):
    """Knows its commands by name and imports only the one that is run."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        for name, lazy in _COMMANDS.items():
            if importlib.util.find_spec(lazy.module) is not None:
                self.add_command(TyperCommand(name, help=lazy.help), name)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Import the command that is about to run; an unknown one may be a provider's."""
        name = args[0]
        if name in self.commands:
            return name, _load_command(name, _COMMANDS[name]), args[1:]
        if not name.startswith("-"):
            from avatar_core.cli.provider_commands import find_provider_command

            if (command := find_provider_command(name)) is not None:
                return name, command, args[1:]
        return super().resolve_command(ctx, args)


def _load_command(name: str, lazy: _Lazy) -> Any:
    try:
        found = getattr(importlib.import_module(lazy.module), lazy.attribute)
    except ModuleNotFoundError as exc:
        if not lazy.extra or (exc.name or "").partition(".")[0] == "avatar_core":
            raise
        print_trouble(
            f'avatar {name} needs the package {exc.name!r}: pip install "avatar-core[{lazy.extra}]"'
        )
        raise typer.Exit(1) from None
    if isinstance(found, typer.Typer):
        return typer.main.get_command(found)
    single = typer.Typer(add_completion=False, rich_markup_mode=None)
    single.command(name)(found)
    return typer.main.get_command(single)


app = typer.Typer(
    name="avatar",
    cls=_AvatarGroup,
    add_completion=False,
    no_args_is_help=True,
    # Plain text: it reads the same in a pipe, a log and a narrow terminal, and needs no rich.
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Providers can add commands of their own: avatar PROVIDER --help.",
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        sys.stdout.write(f"avatar-core {version('avatar-core')}\n")
        raise typer.Exit


@app.callback()
def _avatar(
    _: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """Avatars for LiveKit voice agents."""


def main() -> None:
    """Run ``avatar`` and exit: 0 done, 1 failed, 2 used wrongly, 130 interrupted."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command line.

    Args:
        arguments: What stands behind ``avatar``.

    Returns:
        The exit code.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a provider's words may not fit the locale
    try:
        typer.main.get_command(app).main(arguments, prog_name="avatar")
        sys.stdout.flush()
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read our output has enough; nothing must complain at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except SystemExit as exc:
        return exc.code if isinstance(exc.code, int) else int(exc.code is not None)
    except Exception as exc:
        from avatar_core.contract.errors import AvatarError  # here: --help needs none of it

        if not isinstance(exc, AvatarError):
            raise  # a bug, ours or a provider's: its traceback is what helps
        print_trouble(f"avatar: {exc}")
        return 1
    return 0
