"""The processes that the mock's workers run in."""

from __future__ import annotations

import psutil


def worker_processes() -> list[psutil.Process]:
    """List the mock's worker processes under this one."""
    found = []
    for child in psutil.Process().children(recursive=True):
        try:
            if any("worker_process" in part for part in child.cmdline()):
                found.append(child)
        except psutil.Error:
            continue  # gone meanwhile, or a zombie that is about to be reaped
    return found
