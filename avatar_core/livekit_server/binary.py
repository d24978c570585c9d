"""The server's executable: named, on PATH, cached, or built once."""

from __future__ import annotations

import contextlib
import fcntl
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from avatar_core.livekit_server.build import build_server
from avatar_core.livekit_server.errors import LiveKitServerError

VERSION = "1.13.5"
"""The version that is built; what the tests prove is proved on it."""

# Older ones do not know every key of the loopback-only configuration or all of data streams.
_MINIMUM = (1, 13)

PATH_VARIABLE = "AVATAR_LIVEKIT_SERVER"

Progress = Callable[[str], None]
"""Takes one line, without a line break, that says what is happening."""


def livekit_server_binary(*, progress: Progress | None = None) -> Path:
    """Return the path of a LiveKit server for this machine, building it once if need be.

    In this order: the file named by ``AVATAR_LIVEKIT_SERVER``, ``livekit-server`` on PATH if it
    is 1.13 or later, the one built before, a build of the pinned version (about two minutes,
    kept in the user's cache folder).

    Args:
        progress: Takes a line for each step that takes a while.

    Raises:
        LiveKitServerError: There is none and none could be built.
    """
    report = progress or _silent
    named = os.environ.get(PATH_VARIABLE)
    if named:
        path = Path(named).expanduser()
        if server_version(path) is None:
            raise LiveKitServerError(
                f"{PATH_VARIABLE} names {named!r}, which does not run as a LiveKit server: "
                "correct the path or unset the variable"
            )
        return path.absolute()
    installed = shutil.which("livekit-server")
    if installed is not None:
        version = server_version(Path(installed))
        if version is not None and version >= _MINIMUM:
            return Path(installed)
        report(f"livekit-server on PATH is not 1.13 or later; version {VERSION} is used instead")
    cached = cache_folder() / "livekit-server"
    if not cached.exists():
        _build_once(cached, report)
    return cached


def cache_folder() -> Path:
    """Return the folder that holds the server built for this version and platform."""
    if sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        # The specification of XDG_CACHE_HOME says to ignore a relative path.
        given = os.environ.get("XDG_CACHE_HOME", "")
        base = Path(given) if os.path.isabs(given) else Path.home() / ".cache"
    target = f"{VERSION}-{platform.system()}-{platform.machine()}".lower()
    return base / "avatar-core" / "livekit-server" / target


def server_version(path: Path) -> tuple[int, ...] | None:
    """Return what ``path --version`` says, such as ``(1, 13, 5)``; None if it is no server."""
    try:
        done = subprocess.run(
            [path, "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=30,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.search(r"livekit-server version (\d+)\.(\d+)\.(\d+)", done.stdout)
    return None if match is None else tuple(int(part) for part in match.groups())


def _build_once(target: Path, report: Progress) -> None:
    folder = target.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(folder / "lock", report):
            if target.exists():  # built by the process that held the lock
                return
            for stale in folder.glob("build-*"):  # of a build that was killed: we hold the lock
                shutil.rmtree(stale, ignore_errors=True)
            work = Path(tempfile.mkdtemp(prefix="build-", dir=folder))
            try:
                built = build_server(VERSION, work=work, progress=report)
                if server_version(built) is None:
                    raise LiveKitServerError(
                        "the LiveKit server was built and does not run on this machine: install "
                        f"livekit-server and name it in {PATH_VARIABLE}"
                    )
                built.replace(target)
            finally:
                shutil.rmtree(work, ignore_errors=True)
    except OSError as exc:
        raise LiveKitServerError(
            f"the LiveKit server could not be stored under {folder}: {exc.strerror or exc}; make "
            "the folder writable (2 GB free while building) or set XDG_CACHE_HOME to another"
        ) from exc


@contextlib.contextmanager
def _locked(path: Path, report: Progress) -> Iterator[None]:
    with path.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            report("another process is building the LiveKit server; waiting for it")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _silent(_line: str) -> None:
    return None
