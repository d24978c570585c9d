"""Runs a coroutine, with all tasks it starts, and acts at the moment one of them waits."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Coroutine, Generator
from contextvars import ContextVar
from pathlib import Path
from typing import Any

HELD_TURNS = 25
"""Loop turns for which the one that waits is held there, so that a cancellation finds it there."""

_watched: ContextVar[Suspensions | None] = ContextVar("watched suspensions", default=None)


Suspension = tuple[str, str, int]
"""The task's name, the innermost function that waits, and the how manieth time it does."""


class Suspensions:
    """Sees every suspension of a piece of work and of the tasks born of it.

    Args:
        known: Those that are passed over; at the first other one something is done.
        act: What is done then, once; it is given the work's task.
    """

    def __init__(
        self, *, known: Collection[Suspension], act: Callable[[asyncio.Task[Any]], None]
    ) -> None:
        self._known = known
        self._act = act
        self._work: asyncio.Task[Any] | None = None
        self._seen: Counter[tuple[str, str]] = Counter()
        self.new: Suspension | None = None
        """The suspension at which something was done; None if all were known."""
        self.cancelled_there = False
        """Whether the one that waited there was cancelled there."""

    async def run(self, work: Coroutine[Any, Any, Any]) -> BaseException | None:
        """Run the work; returns what it raised."""
        loop = asyncio.get_running_loop()
        before = loop.get_task_factory()
        loop.set_task_factory(_make_task)
        token = _watched.set(self)
        try:
            self._work = asyncio.create_task(work, name="caller")
        finally:
            _watched.reset(token)
        try:
            await asyncio.wait([self._work])
        finally:
            loop.set_task_factory(before)
        return asyncio.CancelledError() if self._work.cancelled() else self._work.exception()

    def suspended(self, coroutine: Any) -> bool:
        """Note a suspension; returns whether to hold the coroutine there."""
        if self.new is not None or self._work is None or self._work.done():
            return False
        place = _place(coroutine)
        self._seen[place] += 1
        suspension = (*place, self._seen[place])
        if suspension in self._known:
            return False
        self.new = suspension
        self._act(self._work)
        return True


class _Stepped:
    """Awaits a coroutine and looks at it whenever it waits."""

    def __init__(self, coroutine: Coroutine[Any, Any, Any], watched: Suspensions) -> None:
        self._coroutine = coroutine
        self._watched = watched

    def __await__(self) -> Generator[Any, Any, Any]:
        step: Callable[[], Any] = lambda: self._coroutine.send(None)  # noqa: E731
        while True:
            try:
                waits_for = step()
            except StopIteration as done:
                return done.value
            turns = HELD_TURNS if self._watched.suspended(self._coroutine) else 0
            try:
                yield waits_for
                for _ in range(turns):
                    yield
            except BaseException as exc:  # noqa: BLE001 - thrown into the coroutine as it is
                if turns and isinstance(exc, asyncio.CancelledError):
                    self._watched.cancelled_there = True
                error = exc
                step = lambda: self._coroutine.throw(error)  # noqa: B023, E731 - called at once
            else:
                step = lambda: self._coroutine.send(None)  # noqa: E731


def _make_task(
    loop: asyncio.AbstractEventLoop, coroutine: Any, **settings: Any
) -> asyncio.Task[Any]:
    watched = _watched.get()
    if watched is None:
        return asyncio.Task(coroutine, loop=loop, **settings)

    async def stepped() -> Any:
        return await _Stepped(coroutine, watched)

    return asyncio.Task(stepped(), loop=loop, **settings)


def _place(coroutine: Any) -> tuple[str, str]:
    task = asyncio.current_task()
    name = task.get_name() if task is not None else ""
    frame = coroutine.cr_frame
    while (inner := getattr(coroutine, "cr_await", None)) is not None:
        coroutine = inner
        frame = getattr(inner, "cr_frame", None) or getattr(inner, "gi_frame", None) or frame
    where = f"{Path(frame.f_code.co_filename).stem}.{frame.f_code.co_name}"
    # asyncio numbers tasks that nobody has named.
    return ("unnamed" if name.startswith("Task-") else name), where
