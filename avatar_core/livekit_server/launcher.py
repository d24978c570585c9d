"""Becomes the server, bound to the life of the process that started it.

Run as ``python -I -S launcher.py PARENT LIFELINE SERVER [ARGUMENT…]``. On Linux the kernel ends
the server with its parent. Elsewhere a watcher holds the reading end of a pipe, the lifeline:
its end means that the parent is gone, however it went; a byte means that all is well.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def _die_with_parent(parent: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")
    if os.getppid() != parent:  # it died before the call
        os._exit(1)


def _watch(lifeline: int) -> None:
    server = os.getpid()
    if os.fork() != 0:
        os.close(lifeline)
        return
    # Not to hold the server's output open: who reads that waits for its end.
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    if os.read(lifeline, 1) == b"":
        try:
            os.kill(server, signal.SIGKILL)
        except ProcessLookupError:
            os._exit(0)
    os._exit(0)


def main(arguments: list[str]) -> None:
    """Bind this process to its parent and become the server."""
    parent, lifeline, *command = arguments
    if int(lifeline) >= 0:
        _watch(int(lifeline))
    else:
        _die_with_parent(int(parent))
    os.execv(command[0], command)


if __name__ == "__main__":
    main(sys.argv[1:])
