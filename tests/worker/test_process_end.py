"""A process with an avatar ends with its own exit code, whatever LiveKit's native threads do."""

from __future__ import annotations

import subprocess
import sys

import pytest

# A filter and not a handler: the logging module waits at exit for a handler's lock, and so for the
# thread. What LiveKit's native side logs comes from a thread of its own; here it is a complaint.
_LATE_CALLBACK = """
import ctypes, logging, sys, threading, time
from livekit.rtc import _ffi_client

begun = threading.Event()

def hold(record):
    if "unknown" in record.getMessage():
        begun.set()
        time.sleep({seconds})
        print("returned", flush=True)
    return False

logging.getLogger("livekit").addFilter(hold)
library = _ffi_client.FfiClient.instance._ffi_lib
library.livekit_ffi_drop_handle(ctypes.c_uint64(2**63))
assert begun.wait(20)
sys.exit(3)
"""
_WORKER = """
import asyncio
from livekit import rtc
from avatar_core.worker import AvatarWorker, Renderer

class Blank(Renderer):
    width = height = 64
    fps = 25.0

    def draw(self, moment):
        raise NotImplementedError

async def start():
    try:
        await AvatarWorker(renderer=Blank()).start("ws://127.0.0.1:9", "no token")
    except rtc.ConnectError:
        return

asyncio.run(start())
"""
_SESSION = """
from avatar_core import AvatarSession

AvatarSession("off")
"""


@pytest.mark.every_python
@pytest.mark.parametrize(
    ("user", "seconds"),
    [(_WORKER, 0.01), (_WORKER, 0.3), (_SESSION, 0.3)],
    ids=["worker", "worker, long", "session"],
)
def test_a_callback_that_is_under_way_returns_first(user: str, seconds: float) -> None:
    ended = _run(user + _LATE_CALLBACK.format(seconds=seconds))
    assert (ended.returncode, ended.stdout) == (3, "returned\n"), ended.stderr


@pytest.mark.every_python
def test_a_callback_that_never_returns_keeps_the_process_for_a_moment_only() -> None:
    assert "returned" not in _run(_WORKER + _LATE_CALLBACK.format(seconds=3600)).stdout


def _run(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
