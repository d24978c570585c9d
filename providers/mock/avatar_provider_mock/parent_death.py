"""A worker process that is stopped goes on when its agent is gone, and can leave."""

from __future__ import annotations

import ctypes
import os
import platform
import signal

_PR_SET_PDEATHSIG = 1


def continue_when_parent_dies() -> None:
    """Have the kernel continue this process, if it is stopped, when its parent dies.

    A process that runs learns from the end of its input that the parent is gone; one that is
    stopped reads nothing, and would stay for good. It is continued rather than killed: so it
    leaves the room, where a killed one would be listed, with a still face, until the server gives
    it up. And a parent's *thread* that ends, which the first of the two rules counts as a death,
    does no harm to a worker that runs.

    Two rules, for each has a gap. Linux's own names the signal, and exists nowhere else. POSIX has
    a process group with a stopped member continued when its last tie to its session goes, on macOS
    too; but there is such a tie left where whoever adopts orphans shares the session, as the
    first process of a container may.
    """
    if platform.system() == "Linux":
        libc = ctypes.CDLL(None)
        # In vain only on a kernel or in a sandbox without it; then there is the other rule.
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGCONT, 0, 0, 0)
    # Comes before SIGCONT by the second rule, and would end a worker that could leave.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    os.setpgid(0, 0)  # fails in the leader of a session only, which a child is not
