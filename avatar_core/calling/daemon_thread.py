"""Run a plain function in a thread that cannot keep the process alive."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


async def run_in_daemon_thread(function: Callable[[], T]) -> T:
    """Await the result of a function that may block.

    Not the loop's default executor: a hook that never returns would keep its thread, and
    ``asyncio.run`` would wait for it at exit without limit. Cancelling abandons the thread.

    Args:
        function: Called once, in the caller's context.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()
    context = contextvars.copy_context()

    def settle(result: T | None, error: BaseException | None) -> None:
        if future.done():
            return  # cancelled meanwhile: nobody waits for it any more
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type]

    def work() -> None:
        result: T | None = None
        error: BaseException | None = None
        try:
            result = context.run(function)
        except BaseException as exc:  # noqa: BLE001 - handed to the awaiting task as it is
            error = RuntimeError("StopIteration") if isinstance(exc, StopIteration) else exc
        try:
            loop.call_soon_threadsafe(settle, result, error)
        except RuntimeError:
            return  # the loop is closed: the process is ending, nobody waits

    threading.Thread(target=work, name="avatar-provider-hook", daemon=True).start()
    return await future
