"""The server as a child of this process: its start, its output, its end."""

from __future__ import annotations

import concurrent.futures
import contextlib
import http.client
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from avatar_core.livekit_server.errors import LiveKitServerError
from avatar_core.livekit_server.loopback import HOST
from avatar_core.livekit_server.server_log import ServerLog

_LAUNCHER = Path(__file__).with_name("launcher.py")
_READY_SECONDS = 30.0
_DRAIN_SECONDS = 0.1
_STOP_SECONDS = 5.0
# Settings of the caller's own server would override the configuration passed.
_SERVER_VARIABLES = ("LIVEKIT_", "NODE_IP", "UDP_PORT", "REDIS_")

# The kernel ends the server with us on Linux; elsewhere a watcher does.
_PARENT_DEATH_SIGNAL = platform.system() == "Linux"


class ServerProcess:
    """A server that has been started and may not answer yet.

    Args:
        executable: The server.
        config: Its configuration.

    Raises:
        LiveKitServerError: It could not be started.
    """

    def __init__(self, executable: Path, config: str) -> None:
        self.popen: subprocess.Popen[bytes]
        self._owner = os.getpid()
        self._folder = Path(tempfile.mkdtemp(prefix="avatar-core-livekit-"))
        self.log = ServerLog(self._folder / "server.log")
        self._lifeline: int | None = None
        spawned: concurrent.futures.Future[None] = concurrent.futures.Future()
        # The kernel's rule is about the thread that forks, not its process: so the thread that
        # reads the output, and lives as long as the server, is the one that starts it.
        self._thread = threading.Thread(
            target=self._run,
            args=(executable, config, spawned),
            name="livekit-server-output",
            daemon=True,
        )
        try:
            self._thread.start()
            spawned.result()
        except OSError as exc:
            self._clean_up()
            raise LiveKitServerError(
                f"the LiveKit server {executable} does not start: {exc}"
            ) from exc
        except BaseException:  # Ctrl-C while it was being started
            if spawned.cancel():  # the thread has not begun and will not
                self._clean_up()
            elif spawned.exception() is None:
                self.stop()
            raise

    def _run(self, executable: Path, config: str, spawned: concurrent.futures.Future[None]) -> None:
        if not spawned.set_running_or_notify_cancel():
            return
        reading: int | None = None
        try:
            if not _PARENT_DEATH_SIGNAL:
                reading, self._lifeline = os.pipe()
            self.popen = subprocess.Popen(
                [
                    *(sys.executable, "-I", "-S", str(_LAUNCHER)),
                    *(str(os.getpid()), str(-1 if reading is None else reading)),
                    str(executable),
                ],
                # In the environment, not on the command line, which everyone can read.
                env=_environment() | {"LIVEKIT_CONFIG": config},
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=() if reading is None else (reading,),
                # Ctrl-C is for whoever started us; the server ends when told to.
                start_new_session=True,
            )
        except Exception as exc:  # noqa: BLE001 - raised where the result is awaited
            spawned.set_exception(exc)
            return
        finally:
            if reading is not None:
                os.close(reading)
        spawned.set_result(None)
        assert self.popen.stdout is not None
        for line in self.popen.stdout:
            self.log.write(line)

    def wait_until_ready(self, port: int) -> bool:
        """Return when the server answers; False if its ports were taken meanwhile."""
        deadline = time.monotonic() + _READY_SECONDS
        while not _answers(port):
            if self.popen.poll() is not None:
                self._thread.join()
                said = self.log.tail()
                if any("address already in use" in line for line in said):
                    return False
                raise LiveKitServerError(
                    f"the LiveKit server exited with status {self.popen.returncode} at its "
                    f"start; it said: {_last(said)}"
                )
            if time.monotonic() > deadline:
                raise LiveKitServerError(
                    f"the LiveKit server did not answer within {_READY_SECONDS:.0f} s; it said: "
                    f"{_last(self.log.tail())}"
                )
            time.sleep(0.02)
        # What answered may be another program that was quicker to take the port.
        return self.popen.poll() is None

    def stop(self) -> None:
        """End the child: asked, told, killed; never waits longer than some seconds."""
        if os.getpid() != self._owner:  # a fork of the owner ends: not its server
            return
        # The first signal makes the server wait for its participants to leave, the second not.
        for seconds in (_DRAIN_SECONDS, _STOP_SECONDS):
            self.popen.terminate()
            try:
                self.popen.wait(timeout=seconds)
                break
            except subprocess.TimeoutExpired:
                continue
        else:
            self.popen.kill()
            self.popen.wait()
        self._thread.join()
        assert self.popen.stdout is not None
        self.popen.stdout.close()
        self._clean_up()

    def _clean_up(self) -> None:
        if self._lifeline is not None:
            # The server is reaped: the watcher must not signal its number. It may be gone too.
            with contextlib.suppress(BrokenPipeError):
                os.write(self._lifeline, b".")
            os.close(self._lifeline)
            self._lifeline = None
        self.log.close()
        shutil.rmtree(self._folder, ignore_errors=True)


def _environment() -> dict[str, str]:
    return {
        key: value for key, value in os.environ.items() if not key.startswith(_SERVER_VARIABLES)
    }


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=1)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _last(lines: list[str]) -> str:
    return " | ".join(line for line in lines[-3:] if line)[:800] or "nothing"
