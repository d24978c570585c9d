"""Pytest fixtures: an emulated Protoface for anybody's tests; loaded by pytest itself.

It imports nothing but pytest until a fixture is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from avatar_provider_protoface.emulator.in_thread import EmulatorInThread


@pytest.fixture
def protoface_emulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[EmulatorInThread]:
    """An emulated Protoface in a thread of its own, to which the environment points.

    ``PROTOFACE_API_URL`` and ``PROTOFACE_API_KEY`` are set for the length of the test, so that
    clients find it by themselves. It accepts any number of starts a minute.
    """
    from avatar_provider_protoface.emulator.in_thread import EmulatorInThread

    with EmulatorInThread.start() as emulator:
        for name, value in emulator.environment.items():
            monkeypatch.setenv(name, value)
        yield emulator
