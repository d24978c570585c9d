"""The emulator, for those who have no key yet."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from avatar_core.contract.models import StandIn

_NEEDED = ("aiohttp", "avatar_provider_mock", "jwt", "multidict")


def emulator_stand_in() -> StandIn:
    """Return what stands in for Protoface."""
    complete = all(importlib.util.find_spec(name) is not None for name in _NEEDED)
    return StandIn(
        title="the Protoface emulator",
        options=("api_url", "api_key"),
        run=_run,
        install=None if complete else 'pip install "avatar-provider-protoface[emulator]"',
    )


@contextmanager
def _run() -> Iterator[Mapping[str, Any]]:
    from avatar_provider_protoface.emulator.in_thread import EmulatorInThread

    with EmulatorInThread.start() as emulator:
        yield {"api_url": emulator.url, "api_key": emulator.api_key}
