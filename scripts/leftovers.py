"""Fail if a run left a process behind, and end it: leftovers.py RUN_ID

A process belongs to the run if RUN_ID is in its environment (CI_RUN_ID is inherited), or if it
was started since and runs in, or from, this folder.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parent.parent
GRACE_SECONDS = 3.0


def left_behind(run_id: str) -> list[psutil.Process]:
    this = psutil.Process()
    ours = {this.pid, *(parent.pid for parent in this.parents())}
    began = started_at(run_id)
    return [
        process
        for process in psutil.process_iter()
        if process.pid not in ours and belongs(process, run_id, began)
    ]


def belongs(process: psutil.Process, run_id: str, began: float) -> bool:
    try:
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        if process.environ().get("CI_RUN_ID") == run_id:
            return True
        if process.create_time() < began:
            return False
        places = [process.cwd(), process.exe(), *process.cmdline()]
    except psutil.Error:
        return False  # ended meanwhile, or another user's
    return any(place.startswith(f"{ROOT}{os.sep}") for place in places)


def started_at(run_id: str) -> float:
    """Return when the run began: its id ends with the seconds since 1970."""
    return float(run_id.rpartition("-")[2])


def main(run_id: str) -> int:
    deadline = time.monotonic() + GRACE_SECONDS
    while (left := left_behind(run_id)) and time.monotonic() < deadline:
        time.sleep(0.1)  # those that are just ending
    for process in left:
        try:
            print(f"left behind: {process.pid} {' '.join(process.cmdline())[:160]}")
            process.kill()
        except psutil.Error:
            continue
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
