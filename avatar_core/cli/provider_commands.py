"""Commands that providers bring, looked for only when ``avatar`` itself has none of the name."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperGroup

from avatar_core.cli.output import print_trouble
from avatar_core.contract.errors import AvatarError, ConfigurationError
from avatar_core.discovery.default import default_registry
from avatar_core.discovery.loaded import LoadedProvider


def find_provider_command(name: str) -> Any:
    """Find a command by its own name, or a provider's group of commands by the provider's.

    A provider that is broken, or whose commands are, is named on stderr and passed over.

    Args:
        name: The unknown word behind ``avatar``.

    Returns:
        The command, or None when no provider has it.

    Raises:
        ConfigurationError: Several providers have a command of that name.
    """
    rows = default_registry().list_providers(load=True, members=False)
    trouble = [f"{row.name}: {row.error}" for row in rows if row.status in ("broken", "duplicate")]
    found: dict[str, Any] = {}
    for row in rows:
        if row.status != "loaded" or "cli_commands" not in row.hooks:
            continue
        try:
            provider = default_registry().get(row.name)
            commands = _commands_of(provider)
        except AvatarError as exc:
            trouble.append(str(exc))
            continue
        if row.name == name:
            return _group(provider, commands)
        if name in commands:
            found[row.name] = commands[name]
    if len(found) > 1:
        choices = " or ".join(f"'avatar {provider} {name}'" for provider in found)
        raise ConfigurationError(f"several providers have a command {name!r}: use {choices}")
    if found:
        return next(iter(found.values()))
    for line in trouble:
        print_trouble(f"avatar: not searched for commands: {line}")
    return None


def _commands_of(provider: LoadedProvider) -> dict[str, Any]:
    """Ask one provider for its commands; whatever goes wrong is its own error."""
    commands = {}
    try:
        for app in provider.caller("cli_commands")() or ():
            command = typer.main.get_command(app)
            given = getattr(app.info, "name", None)
            name = given if isinstance(given, str) else command.name
            if not name:
                raise ValueError("a typer app without a name")
            commands[name] = command
    except KeyboardInterrupt:
        raise
    except BaseException as exc:  # third-party code can raise anything
        raise ConfigurationError(
            f"the commands of provider {provider.name!r} cannot be used: cli_commands led to"
            f" {type(exc).__name__}"
        ) from exc
    return commands


def _group(provider: LoadedProvider, commands: dict[str, Any]) -> TyperGroup:
    return TyperGroup(
        name=provider.name,
        commands=commands,
        help=f"Commands of {provider.info.title}.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
