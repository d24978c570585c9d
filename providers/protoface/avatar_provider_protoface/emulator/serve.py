"""Runs the emulator for people, until they stop it."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from typing import cast

from avatar_provider_protoface.emulator.emulator import ProtofaceEmulator
from avatar_provider_protoface.emulator.settings import EmulatorSettings, Profile

PROFILES = ("sdk-0.1.0", "current")


def serve(
    *,
    port: int,
    profile: str,
    plan: str,
    starts_per_minute: int | None,
    control: bool,
    log: bool,
) -> int:
    """Emulate until a signal comes.

    Args:
        port: Port to listen on; 0 for any free one.
        profile: Which fields answers have.
        plan: Key of the account's plan.
        starts_per_minute: Sessions that may start in a minute.
        control: Serve the control surface.
        log: Log requests and states to stderr.

    Returns:
        The exit code.
    """
    if profile not in PROFILES:
        return _refuse(f"no profile {profile!r}; there are {', '.join(PROFILES)}")
    try:
        settings = EmulatorSettings(
            port=port,
            profile=cast("Profile", profile),
            plan=plan,
            starts_per_minute=starts_per_minute,
            control=control,
            log_requests=log,
        )
    except ValueError as exc:
        return _refuse(str(exc))
    logging.basicConfig(
        level=logging.INFO if log else logging.WARNING, format="%(asctime)s %(message)s"
    )
    try:
        asyncio.run(_serve(ProtofaceEmulator(settings)))
    except OSError as exc:
        return _refuse(f"cannot listen on port {port} ({exc.strerror}): choose another --port")
    except ModuleNotFoundError as exc:
        return _refuse(
            f"the emulator needs the package {exc.name!r}:"
            ' pip install "avatar-provider-protoface[emulator]"'
        )
    return 0


async def _serve(emulator: ProtofaceEmulator) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(each, stop.set)
    await emulator.start()
    try:
        for name, value in emulator.environment.items():
            sys.stdout.write(f"export {name}={value}\n")
        sys.stdout.flush()
        sys.stderr.write("Protoface is emulated here until Ctrl-C; nothing is billed.\n")
        await stop.wait()
    finally:
        await emulator.aclose()


def _refuse(text: str) -> int:
    sys.stderr.write(f"avatar emulate protoface: {text}\n")
    return 2
