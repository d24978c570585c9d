"""Fixtures for everyone who installs avatar-core; loaded by pytest itself.

pytest imports this module in every project that has avatar-core installed, whether its tests
use it or not: so it imports nothing but pytest until a fixture is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from avatar_core.livekit_server import LiveKitServer


@pytest.fixture(scope="session")
def livekit_server(request: pytest.FixtureRequest) -> Iterator[LiveKitServer]:
    """A real LiveKit server on 127.0.0.1, one for each test process; built once if need be.

    Its ``url``, ``api_key`` and ``api_secret`` are what LiveKit's own variables would hold;
    ``api()`` is a client of its server API. Rooms of one session share it: give each test a
    room name of its own.
    """
    from avatar_core.livekit_server import LiveKitServer

    terminal = request.config.pluginmanager.get_plugin("terminalreporter")
    capture = request.config.pluginmanager.get_plugin("capturemanager")

    def progress(line: str) -> None:
        if terminal is None or capture is None:  # a worker of xdist has no terminal
            return
        with capture.global_and_fixture_disabled():
            terminal.write_line(line)

    with LiveKitServer.start(progress=progress) as server:
        yield server
