"""Whose task is whose: what a provider leaves is found wherever its package lies."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from avatar_core.testing.conformance import ending
from avatar_core.testing.conformance.subject import eventually_none

LEAK = "import asyncio\nasync def leak(): await asyncio.Event().wait()\n"


@pytest.mark.parametrize("folder", ["src", "livekit", "avatar_core", "asyncio"])
async def test_a_task_of_a_provider_is_its_own_whatever_its_folders_are_called(
    tmp_path: Path, folder: str
) -> None:
    names: dict[str, Any] = {}
    exec(compile(LEAK, str(tmp_path / folder / "acme" / "plugin.py"), "exec"), names)
    leaked = asyncio.create_task(names["leak"]())
    await asyncio.sleep(0)
    assert ending._may_be_the_providers(leaked)
    leaked.cancel()
    await asyncio.wait([leaked])


async def test_a_task_of_the_suite_is_none_of_the_providers() -> None:
    async def something() -> list[str]:
        return ["something"]

    waiting = asyncio.create_task(eventually_none(something, 60, "what there is"))
    await asyncio.sleep(0)
    assert not ending._may_be_the_providers(waiting)
    waiting.cancel()
    await asyncio.wait([waiting])
