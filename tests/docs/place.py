"""Where a block of the documentation is run: its folder, and what it needs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_PATH = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
_END_SECONDS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a block is run.

    Args:
        folder: An empty folder of its own, or that of a page whose blocks are run in order.
        fixture: Gives a fixture of pytest by its name.
        in_order: Whether it is such a page's.
        printed: What the shell blocks that were run here have printed, by their place.
        running: What background blocks have begun, by their place; ``stop`` ends it.
    """

    folder: Path
    fixture: Callable[[str], Any]
    in_order: bool = False
    printed: dict[str, str] = field(default_factory=dict)
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def stop(self) -> None:
        """End what runs in the background as a service manager does, and wait for it.

        Raises:
            AssertionError: It had ended before, or does not end.
        """
        early = [block for block, each in self.running.items() if each.poll() is not None]
        late = []
        for process in self.running.values():
            if process.returncode is None:
                os.killpg(process.pid, signal.SIGTERM)
        for block, process in self.running.items():
            try:
                process.wait(timeout=_END_SECONDS)
            except subprocess.TimeoutExpired:
                late.append(block)
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        assert not early, f"ended before the page did: {early}"
        assert not late, f"do not end when they are told to: {late}"

    def environment(self, arguments: Iterable[str]) -> dict[str, str]:
        """Return the environment variables of a block.

        Args:
            arguments: The block's; those that are no needs are passed over, if they are known.
        """
        environment = os.environ | {"PATH": _PATH}
        for name in arguments:
            if name == "fails" or name.startswith("port:"):
                continue
            assert name in NEEDS, f"unknown need {name!r}"
            environment |= NEEDS[name](self)
        return environment

    def file(self, name: str) -> Path:
        """Return the path of a file that a block is written into; its folder is there then.

        Args:
            name: From the page's folder.
        """
        assert self.in_order, "files are for a page that says <!-- run-in-order -->"
        path = self.folder / name
        assert path.resolve().is_relative_to(self.folder.resolve()), f"{name} is outside the folder"
        path.parent.mkdir(parents=True, exist_ok=True)
        return path


def _livekit_server(place: Place) -> dict[str, str]:
    server = place.fixture("livekit_server")
    return {
        "LIVEKIT_URL": server.url,
        "LIVEKIT_API_KEY": server.api_key,
        "LIVEKIT_API_SECRET": server.api_secret,
    }


def _own_environment(place: Place) -> dict[str, str]:
    binaries: Path = place.fixture("own_environment")
    return {"PATH": os.pathsep.join([str(binaries), _PATH])}


def _another_try(place: Place) -> dict[str, str]:
    # As this project's own tests of calls get one, on a busy machine: of one test, not of all.
    return {"PYTEST_ADDOPTS": "--reruns=2"}


NEEDS: dict[str, Callable[[Place], dict[str, str]]] = {
    "another_try": _another_try,
    "livekit_server": _livekit_server,
    "own_environment": _own_environment,
}
"""The environment variables of what a block may need."""
