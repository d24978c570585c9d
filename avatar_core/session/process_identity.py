"""Which process it was, and whether it still runs."""

from __future__ import annotations

import os
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

ProcessState = Literal["alive", "gone", "unknown"]

_PROC = Path("/proc")
_PS_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessIdentity:
    """A process, told from every other one that had or will have its number.

    Args:
        host: Name of its host.
        pid: Its number.
        started: When it was started, in the words of its system; on Linux with the boot's id.
        namespace: What its number is valid in: containers on one machine count for themselves;
            empty where the system has one count.
    """

    host: str
    pid: int
    started: str
    namespace: str

    def state(self) -> ProcessState:
        """Tell whether it runs, as far as can be told from here by its number."""
        if not self.started or self.host != socket.gethostname():
            return "unknown"
        then, now = _boot(self.started), _boot_id()
        if then != now:
            # The machine was started again meanwhile; or one of the two could not see its boots.
            return "gone" if then and now else "unknown"
        if self.namespace != _namespace():
            return "unknown"
        try:
            started = _started(self.pid)
        except OSError:
            return "unknown"
        return "alive" if started is not None and started == self.started else "gone"


def this_process() -> ProcessIdentity:
    """Return the identity of the running process."""
    pid = os.getpid()
    try:
        started = _started(pid) or ""
    except OSError:
        started = ""
    return ProcessIdentity(
        host=socket.gethostname(), pid=pid, started=started, namespace=_namespace()
    )


def _started(pid: int) -> str | None:
    """Say when a process was started; None where there is none, or one that only waits to go.

    Raises:
        OSError: Nobody can tell.
    """
    if (boot := _boot_id()) is None:
        return _started_by_ps(pid)
    try:
        text = (_PROC / str(pid) / "stat").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        _must_not_exist(pid)
        return None
    # The second field is the program's name, in brackets, and may have anything in it.
    fields = text.rpartition(")")[2].split()
    if len(fields) < 20 or fields[0] in ("Z", "X"):
        return None
    return f"{boot}/{fields[19]}"


def _must_not_exist(pid: int) -> None:
    """Make sure that there is no such process: /proc may hide those of other users."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return
    raise PermissionError(f"process {pid} is not shown")


def _started_by_ps(pid: int) -> str | None:
    try:
        done = subprocess.run(
            ["ps", "-o", "stat=,lstart=", "-p", str(pid)],
            capture_output=True, text=True, timeout=_PS_SECONDS, check=False,
            env={"LC_ALL": "C", "TZ": "UTC", "PATH": os.environ.get("PATH", "/bin:/usr/bin")},
        )  # fmt: skip
    except subprocess.SubprocessError as exc:
        raise OSError("ps does not answer") from exc
    state, _, started = done.stdout.strip().partition(" ")
    return None if state.startswith("Z") else " ".join(started.split()) or None


def _boot(started: str) -> str | None:
    boot, slash, _ = started.partition("/")
    return boot if slash else None


def _boot_id() -> str | None:
    try:
        return (_PROC / "sys/kernel/random/boot_id").read_text().strip() or None
    except OSError:
        return None


def _namespace() -> str:
    try:
        return os.readlink(_PROC / "self/ns/pid")
    except OSError:
        return ""
