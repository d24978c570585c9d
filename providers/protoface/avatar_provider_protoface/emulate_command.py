"""``avatar emulate protoface``: Protoface on this machine, without a key and without a cloud."""

from __future__ import annotations

from typing import Annotated

import typer

emulate_app = typer.Typer(
    name="emulate",
    no_args_is_help=True,
    help="Run a provider's API on this machine.",
    rich_markup_mode=None,
)


@emulate_app.callback()
def _group() -> None:
    """Run a provider's API on this machine."""


@emulate_app.command("protoface")
def emulate(
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to listen on; 0 for any free one.")
    ] = 8790,
    profile: Annotated[
        str, typer.Option(help="Fields of the answers: sdk-0.1.0 or current.")
    ] = "sdk-0.1.0",
    plan: Annotated[str, typer.Option(help="free, starter, launch or scale.")] = "scale",
    starts_per_minute: Annotated[
        int, typer.Option(min=0, help="Sessions that may start in a minute; 0 for any number.")
    ] = 4,
    control: Annotated[
        bool, typer.Option("--control", help="Serve the control surface below /_emulator.")
    ] = False,
    log: Annotated[bool, typer.Option("--log", help="Log each request and state.")] = False,
) -> None:
    """Emulate Protoface's realtime API until Ctrl-C; its avatars join your LiveKit rooms."""
    from avatar_provider_protoface.emulator.serve import serve

    raise typer.Exit(
        serve(
            port=port,
            profile=profile,
            plan=plan,
            starts_per_minute=starts_per_minute or None,
            control=control,
            log=log,
        )
    )
