"""Finds every moment at which a piece of work waits, and acts there: a test of cancellation."""

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
        counts: Given a task's name, whether it is looked at, now; by default always.
        woken: Act when what is waited for has come, and the one that waited has not gone on yet,
            instead of when it begins to wait.
    """

    def __init__(
        self,
        *,
        known: Collection[Suspension],
        act: Callable[[asyncio.Task[Any]], object],
        counts: Callable[[str], bool] = lambda _: True,
        woken: bool = False,
    ) -> None:
        self._known = known
        self._act = act
        self._counts = counts
        self._woken = woken
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

    def suspended(self, coroutine: Any) -> Callable[[bool], bool]:
        """Note a suspension; returns whom to tell that it begins and that it ends.

        What that returns is whether to hold the coroutine there.
        """
        place = _place(coroutine)
        if self._is_over() or not self._counts(place[0]):
            return _passed_over
        self._seen[place] += 1
        suspension = (*place, self._seen[place])
        if suspension in self._known:
            return _passed_over

        def reached(woken: bool) -> bool:
            if woken is not self._woken or self._is_over():
                return False
            assert self._work is not None
            self.new = suspension
            self._act(self._work)
            return True

        return reached

    def _is_over(self) -> bool:
        return self.new is not None or self._work is None or self._work.done()


def _passed_over(_: bool) -> bool:
    return False


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
            reached = self._watched.suspended(self._coroutine)
            held = reached(False)
            try:
                yield waits_for
                held = held or reached(True)
                for _ in range(HELD_TURNS if held else 0):
                    yield
            except BaseException as exc:  # noqa: BLE001 - thrown into the coroutine as it is
                if held and isinstance(exc, asyncio.CancelledError):
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

    task = asyncio.Task(stepped(), loop=loop, **settings)
    # One that is cancelled before its first step never comes to await this.
    task.add_done_callback(lambda _: coroutine.close())
    return task


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
