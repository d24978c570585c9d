"""``avatar providers``: what is installed, what is broken and why, and what one provider takes."""

from __future__ import annotations

import dataclasses
import os
from typing import TYPE_CHECKING, Annotated, Any

import typer

from avatar_core.cli.option_table import OptionDescription, describe_options
from avatar_core.cli.output import print_json, print_trouble, stdout_console, text
from avatar_core.cli.provider_check import check_provider, failed, finding_rows, findings_json
from avatar_core.contract.errors import ProviderNotFoundError
from avatar_core.discovery.default import default_registry
from avatar_core.discovery.entry_points import install_hint
from avatar_core.discovery.loaded import LoadedProvider, ProviderListing

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

_STYLES = {
    "loaded": "green",
    "broken": "red",
    "duplicate": "red",
    "blocked": "yellow",
    "not installed": "dim",
}


def providers(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="Explain this provider.")
    ] = None,
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            help="Import every provider, or ask the one that is named whether a call could start"
            " now; exit 1 if one cannot be used.",
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List avatar providers, or explain one.

    Without --check nothing is imported: a provider that would fail to load is listed as
    available. The JSON is an array of objects; keys are added over time, never removed.
    """
    if name is not None:
        _explain(name, as_json, check=check)
        return
    rows = default_registry().list_providers(load=check)
    if as_json:
        print_json([_as_json(row) for row in rows])
    elif rows:
        _print_table(rows)
    if not rows:
        print_trouble(f"no avatar provider is installed; {install_hint('mock')}")
    if not as_json:
        for row in {(row.name, row.error): row for row in rows}.values():
            if row.error is not None:
                print_trouble(f"{row.name}: {row.error}")
    if check and any(row.status in ("broken", "duplicate") for row in rows):
        raise typer.Exit(1)


def _as_json(row: ProviderListing) -> dict[str, Any]:
    return {
        "name": row.name,
        "distribution": row.distribution,
        "version": row.version,
        "status": row.status,
        "hooks": list(row.hooks),
        "error": row.error,
        "origin": row.origin,
        "title": row.title,
    }


def _print_table(rows: tuple[ProviderListing, ...]) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("NAME", overflow="fold")
    table.add_column("STATUS", no_wrap=True)
    table.add_column("PACKAGE", overflow="fold")
    for row in rows:
        package = " ".join(part for part in (row.distribution, row.version) if part)
        origin = "this application" if row.origin == "registered" else "unknown"
        table.add_row(
            text(row.name, "bold"),
            text(row.status, _STYLES.get(row.status, "")),
            text(package or origin),
        )
    stdout_console().print(table)


# --- one provider -------------------------------------------------------------------------------


def _explain(name: str, as_json: bool, *, check: bool) -> None:
    registry = default_registry()
    if name.endswith(".*"):
        raise ProviderNotFoundError(
            name, hint="that is a family; 'avatar providers --check' lists it"
        )
    provider = registry.get(name)
    options = describe_options(provider.info.options)
    findings = check_provider(provider) if check else ()
    if as_json:
        row = next(row for row in registry.list_providers() if row.name == name)
        checks = {"checks": findings_json(findings)} if check else {}
        print_json([{**_as_json(row), **_details(provider, options), **checks}])
    else:
        console = stdout_console()
        _print_provider(console, provider, options)
        if check:
            console.print()
            console.print(text("Checks" if findings else "Checks: none of its own", "bold"))
            _print_pairs(console, finding_rows(findings))
    if failed(findings):
        raise typer.Exit(1)


def _details(provider: LoadedProvider, options: tuple[OptionDescription, ...]) -> dict[str, Any]:
    info = provider.info
    return {
        "docs": info.docs,
        "contract_version": info.contract_version,
        "avatar_option": info.avatar_option,
        "options": [dataclasses.asdict(option) for option in options],
        "credentials": [
            {
                "option": credential.option,
                "variable": credential.variable,
                "set": _is_set(credential.variable),
                "description": credential.description,
            }
            for credential in info.credentials
        ],
        "capabilities": dataclasses.asdict(info.capabilities),
        "tokens": info.tokens,
        "token_roles": [] if info.tokens == "none" else list(info.token_roles),
        "sample_rate": info.audio.sample_rate,
    }


def _is_set(variable: str) -> bool:
    return bool(os.environ.get(variable))


def _print_provider(
    console: Console, provider: LoadedProvider, options: tuple[OptionDescription, ...]
) -> None:
    info = provider.info
    package = " ".join(part for part in (provider.distribution, provider.version) if part)
    console.print(text(f"{info.name} - {info.title}", "bold"))
    facts: list[tuple[str, RenderableType]] = [
        ("package", text(package or "this application")),
        ("choose it", text(_example(provider))),
        ("tokens", text(_tokens(provider))),
        ("audio", text(_audio(provider))),
        ("can", text(_capabilities(provider))),
        ("hooks", text(", ".join(provider.hooks))),
        ("contract", text(f"version {info.contract_version}")),
    ]
    if info.docs:
        facts.append(("docs", text(info.docs)))
    _print_pairs(console, facts)
    console.print()
    console.print(text("Options" if options else "Options: none", "bold"))
    _print_pairs(console, [(option.name, _option(option)) for option in options])
    if info.credentials:
        console.print()
        console.print(text("Credentials", "bold"))
        _print_pairs(
            console,
            [
                (
                    credential.variable,
                    text(
                        ("set" if _is_set(credential.variable) else "not set")
                        + f"; or option {credential.option}"
                        + (f". {credential.description}" if credential.description else "")
                    ),
                )
                for credential in info.credentials
            ],
        )


def _print_pairs(console: Console, pairs: list[tuple[str, RenderableType]]) -> None:
    from rich.table import Table

    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(overflow="fold", max_width=max(12, min(32, console.width // 2)))
    table.add_column(overflow="fold")
    for label, value in pairs:
        table.add_row(text(label), value)
    console.print(table)


def _option(option: OptionDescription) -> RenderableType:
    if option.required:
        facts = [option.type, "required"]
    elif option.default is not None:
        facts = [option.type, f"default {option.default}"]
    else:  # that it may be left out says the same as that it may be None
        facts = [option.type.replace(" | none", "", 1), "optional"]
    if option.variable:
        facts.append(f"env {option.variable}")
    return text("; ".join(facts) + (f". {option.description}" if option.description else ""))


def _example(provider: LoadedProvider) -> str:
    slash = f"/{provider.info.avatar_option.upper()}" if provider.info.avatar_option else ""
    return f"AvatarSession({provider.name + slash!r}) or AVATAR_PROVIDER={provider.name}{slash}"


def _tokens(provider: LoadedProvider) -> str:
    info = provider.info
    if info.tokens == "none":
        return "none"
    return f"{len(info.token_roles)} ({', '.join(info.token_roles)})"


def _audio(provider: LoadedProvider) -> str:
    rate = provider.info.audio.sample_rate
    return f"s16le mono, {rate} Hz" if rate else "s16le mono, any rate"


def _capabilities(provider: LoadedProvider) -> str:
    can = provider.info.capabilities
    sessions = can.concurrent_sessions
    words = [
        "run in the cloud" if can.remote else "run on this machine",
        "end at once" if can.explicit_end else "end by absence only",
        "repeat a start safely" if can.idempotent_start else "",
        f"have {sessions} session{'s' if sessions > 1 else ''} at once" if sessions else "",
        "hear the room" if can.worker_can_subscribe else "",
    ]
    return ", ".join(word for word in words if word)
