"""The end of a process that used LiveKit's native library."""

from __future__ import annotations

import atexit
import functools
import sys
import time
from types import FrameType

_CLIENT_MODULE = "livekit.rtc._ffi_client"
_CALLBACK = "ffi_event_callback"
_TURN_SECONDS = 0.02
_LIMIT_SECONDS = 2.0


@functools.cache  # registered once, however many workers and sessions a process has
def end_rtc_before_the_interpreter() -> None:
    """Let LiveKit's native threads leave the interpreter before it is taken down at exit.

    ``livekit.rtc`` stops its native library at exit, but does not wait for callbacks that have
    begun by then. A thread that needs the interpreter when that is no longer there is ended by
    Python before 3.14 with ``pthread_exit``, which unwinds the stack on Linux; Rust aborts the
    process for it, whatever it has done and whatever its exit code was to be.
    """
    if sys.platform == "linux" and sys.version_info < (3, 14):
        atexit.register(_let_callbacks_return)


def _let_callbacks_return() -> None:
    client = getattr(sys.modules.get(_CLIENT_MODULE), "FfiClient", None)
    instance = getattr(client, "_instance", None)
    dispose = getattr(instance, "_dispose", None)
    if dispose is None:
        return  # never used in this process, or another LiveKit than the one that is known here
    # Its own turn at exit may come after this one. Doing it twice does nothing.
    dispose()
    deadline = time.monotonic() + _LIMIT_SECONDS
    while time.monotonic() < deadline:
        # Whoever waits for the interpreter gets it now; no new callback begins.
        time.sleep(_TURN_SECONDS)
        if not any(map(_is_callback, sys._current_frames().values())):
            return


def _is_callback(frame: FrameType) -> bool:
    while frame.f_back is not None:
        frame = frame.f_back
    return frame.f_code.co_name == _CALLBACK
