"""Clauses about the end: it is one, twice is no more than once, and nothing is left of it."""

from __future__ import annotations

import asyncio
import functools
import importlib
import os
from types import CodeType
from typing import Any

from avatar_core.calling.provider_call import ProviderCall
from avatar_core.contract.errors import ProviderError
from avatar_core.testing.avatar_call import open_avatar_call
from avatar_core.testing.call_footprint import footprint, nothing_left_behind
from avatar_core.testing.conformance.adoption import Adoption
from avatar_core.testing.conformance.clauses import clause
from avatar_core.testing.conformance.speaking import SENTENCE
from avatar_core.testing.conformance.subject import Subject, eventually_none

# Whose tasks are others' concern: the room's, the agent's, this suite's.
_NOT_THE_PROVIDERS = ("livekit", "avatar_core", "asyncio", "_pytest", "pytest_asyncio")


class Ending(Adoption):
    """How it ends."""

    @clause(
        "ends",
        "end_session is acknowledged at its first call, the avatar leaves by itself, and the"
        " session is listed no more.",
        needs=("explicit end",),
    )
    async def test_ends(self, conformance: Subject) -> None:
        """Close, and look at the room before the core removes anybody."""
        left: list[bool] = []
        async with conformance.call() as call:
            identity = call.avatar.avatar_identity

            async def look(_: ProviderCall) -> None:
                left.append(await call.until_gone(identity, timeout=self.leaves_within))

            conformance.recorder.after["end_session"] = look
            await call.avatar.aclose()
            await conformance.settled()
            errors = [each.call.error for each in conformance.recorder.of("end_session")]
            assert errors == [None], f"end_session was called {len(errors)} times: {errors}"
            assert left == [True], (
                f"the avatar was in the room {self.leaves_within:g} s after its end was"
                " acknowledged"
            )
            await conformance.none_listed()

    @clause("ends-twice", "ending a session that has ended is success.", needs=("explicit end",))
    async def test_ends_twice(self, conformance: Subject) -> None:
        """End it again, twice."""
        async with conformance.call() as call:
            await call.avatar.aclose()
        for _ in range(2):
            try:
                await conformance.ended_again()
            except ProviderError as exc:
                raise AssertionError(f"ending it again raised {exc!r}") from exc

    @clause(
        "nothing-left",
        "after a call nothing of it is left: no listener, RPC method or task in the agent's"
        " process, no participant in the room.",
    )
    async def test_nothing_left(self, conformance: Subject) -> None:
        """Compare the agent's process before and after a whole call."""
        async with conformance.stage() as stage:
            await self.before_start()
            before, tasks = footprint(stage), asyncio.all_tasks()
            opened = open_avatar_call(stage, conformance.avatar(), patience=self.patience)
            async with opened as call:
                await call.says(SENTENCE)
            await nothing_left_behind(stage, before)

            async def left() -> list[str]:
                return [
                    f"{task.get_name()} ({task.get_coro()!r})"
                    for task in asyncio.all_tasks() - tasks
                    if not task.done() and _may_be_the_providers(task)
                ]

            await eventually_none(left, self.patience, "tasks left in the agent's process")
            await conformance.nobody_left(stage)


def _may_be_the_providers(task: asyncio.Task[Any]) -> bool:
    code = getattr(task.get_coro(), "cr_code", None)
    file = os.path.realpath(code.co_filename) if isinstance(code, CodeType) else ""
    return task is not asyncio.current_task() and not file.startswith(_others_folders())


@functools.cache
def _others_folders() -> tuple[str, ...]:
    # Where they are installed, not what a folder is called: a provider's may be below a "livekit".
    return tuple(
        os.path.join(os.path.realpath(folder), "")
        for name in _NOT_THE_PROVIDERS
        for folder in importlib.import_module(name).__path__
    )
