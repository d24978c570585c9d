"""One build of the server with ``go install``, its caches thrown away afterwards."""

from __future__ import annotations

import collections
import concurrent.futures
import contextlib
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

from avatar_core.livekit_server.errors import LiveKitServerError
from avatar_core.livekit_server.go_toolchain import find_go, go_environment, install_go

_MODULE = "github.com/livekit/livekit-server/cmd/server"
_REPORT_SECONDS = 15.0
_BUILD_SECONDS = 1800.0

# What Go prints, and what the person who reads it can do.
_REMEDIES = (
    (
        re.compile(r"no space left", re.I),
        "the disk is full: the build needs 2 GB in the cache folder, for two minutes",
    ),
    (
        re.compile(r"x509|certificate", re.I),
        "the module proxy's certificate is not trusted: set SSL_CERT_FILE to your certificates",
    ),
    (
        re.compile(
            r"dial tcp|no such host|i/o timeout|connection re|network is unreach|proxyconnect"
            r"|module lookup disabled|tls handshake|unexpected eof|50\d (bad|service|gateway)",
            re.I,
        ),
        "the Go module proxy cannot be reached: check the network and GOPROXY",
    ),
)


def build_server(version: str, *, work: Path, progress: Callable[[str], None]) -> Path:
    """Build the server and return the executable, which lies in ``work``.

    Args:
        version: Of the server, such as ``1.13.5``.
        work: An empty folder that takes the modules and the compiler's cache, about 1 GB; the
            caller removes it.
        progress: Takes a line at the start and one every 15 seconds.

    Raises:
        LiveKitServerError: No Go, no network, no space, or the compiler failed.
    """
    go = find_go() or install_go(work / "toolchain", progress=progress)
    environment = go_environment(bundled=go.bundled) | {
        "CGO_ENABLED": "0",
        "GOBIN": str(work / "bin"),
        "GOCACHE": str(work / "cache"),
        "GOPATH": str(work / "path"),
        "GOMODCACHE": str(work / "path" / "pkg" / "mod"),
    }
    command = [str(go.command), "install", "-trimpath", "-modcacherw", "-ldflags", "-s -w"]
    command.append(f"{_MODULE}@v{version}")
    progress(
        f"building the LiveKit server {version} with Go {go.version}: once, about 2 minutes on "
        "two cores"
    )
    started = time.monotonic()
    status, lines = _run(command, environment, work=work, progress=progress)
    if status != 0:
        raise LiveKitServerError(_explain(version, lines))
    progress(f"built the LiveKit server in {time.monotonic() - started:.0f} s")
    return work / "bin" / "server"


def _run(
    command: list[str],
    environment: dict[str, str],
    *,
    work: Path,
    progress: Callable[[str], None],
) -> tuple[int, list[str]]:
    started = time.monotonic()
    output = _Output()
    # Ctrl-C interrupts this thread only: one that started the compiler itself could be interrupted
    # between the start and knowing whom to end.
    spawned: concurrent.futures.Future[subprocess.Popen[str]] = concurrent.futures.Future()
    reader = threading.Thread(
        target=output.run, args=(command, environment, work, spawned), name="go-install-output"
    )
    reader.daemon = True
    try:
        reader.start()
        process = spawned.result()
        while True:
            try:
                status = process.wait(timeout=_REPORT_SECONDS)
                break
            except subprocess.TimeoutExpired:
                seconds = time.monotonic() - started
                if seconds > _BUILD_SECONDS:
                    raise LiveKitServerError(
                        f"building the LiveKit server was given up after {seconds:.0f} s: the "
                        "network or the machine is too slow; install livekit-server instead"
                    ) from None
                progress(f"still building, {seconds:.0f} s; {output.downloads} modules fetched")
    finally:
        if not spawned.cancel():  # else the thread has not begun and will not
            _end(spawned)
            reader.join()
    return status, list(output.tail)


class _Output:
    """What the build says: how many modules were fetched, and its last lines."""

    def __init__(self) -> None:
        self.downloads = 0
        self.tail: collections.deque[str] = collections.deque(maxlen=40)

    def run(
        self,
        command: list[str],
        environment: dict[str, str],
        work: Path,
        spawned: concurrent.futures.Future[subprocess.Popen[str]],
    ) -> None:
        if not spawned.set_running_or_notify_cancel():
            return
        try:
            process = subprocess.Popen(
                command,
                cwd=work,  # outside any Go module of the caller
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                start_new_session=True,  # a group of its own, to end compilers with it
            )
        except Exception as exc:  # noqa: BLE001 - raised where the result is awaited
            spawned.set_exception(exc)
            return
        spawned.set_result(process)
        assert process.stderr is not None
        with process.stderr:
            for line in process.stderr:
                if line.startswith("go: downloading"):
                    self.downloads += 1
                else:
                    self.tail.append(line.rstrip())


def _end(spawned: concurrent.futures.Future[subprocess.Popen[str]]) -> None:
    concurrent.futures.wait([spawned])
    if spawned.exception() is None:
        process = spawned.result()
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _explain(version: str, lines: list[str]) -> str:
    said = "\n".join(lines)
    remedy = next(
        (remedy for pattern, remedy in _REMEDIES if pattern.search(said)),
        "install livekit-server yourself, or name one in AVATAR_LIVEKIT_SERVER",
    )
    last = " | ".join(line for line in lines[-3:] if line)
    return f"the LiveKit server {version} could not be built: {remedy}. Go said: {last[:800]}"
