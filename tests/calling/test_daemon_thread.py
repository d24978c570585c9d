from __future__ import annotations

import asyncio
import contextvars
import subprocess
import sys
import threading

import pytest

from avatar_core.calling.daemon_thread import run_in_daemon_thread

variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable")


async def test_the_function_sees_the_callers_context() -> None:
    variable.set("the caller's")
    assert await run_in_daemon_thread(variable.get) == "the caller's"


async def test_its_error_is_the_callers() -> None:
    def fail() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError, match="x"):
        await run_in_daemon_thread(fail)


async def test_stop_iteration_does_not_upset_the_awaiting_task() -> None:
    def fail() -> None:
        raise StopIteration

    with pytest.raises(RuntimeError, match="StopIteration"):
        await run_in_daemon_thread(fail)


async def test_cancelling_abandons_the_thread_and_its_late_answer_harms_nobody() -> None:
    go_on, over = threading.Event(), threading.Event()

    def work() -> str:
        go_on.wait(10)
        over.set()
        return "late"

    waiting = asyncio.create_task(run_in_daemon_thread(work))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    go_on.set()
    await asyncio.to_thread(over.wait, 10)
    await asyncio.sleep(0)


def test_a_function_that_never_returns_does_not_keep_the_process_alive() -> None:
    program = """
import asyncio, threading
from avatar_core.calling.daemon_thread import run_in_daemon_thread

async def main():
    try:
        await asyncio.wait_for(run_in_daemon_thread(threading.Event().wait), 0.05)
    except asyncio.TimeoutError:
        return

asyncio.run(main())
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=30)
