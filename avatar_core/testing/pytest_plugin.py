"""Fixtures for everyone who installs avatar-core, and what a conformance class needs of pytest.

pytest imports this module in every project that has avatar-core installed, whether its tests
use it or not: so it imports nothing but pytest until a fixture is asked for.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from avatar_core.livekit_server import LiveKitServer
    from avatar_core.testing.avatar_call import AvatarCall
    from avatar_core.testing.lossy_network import LossyNetwork
    from avatar_core.testing.scripted_api import ScriptedApi

    OpenCall = Callable[..., AbstractAsyncContextManager[AvatarCall]]

_NOT_COLLECTED = pytest.StashKey[dict[str, str]]()
_OUTPUT = "avatar_core_not_collected"


def pytest_configure(config: pytest.Config) -> None:
    """Make our marker known."""
    config.addinivalue_line(
        "markers", "own_network: runs in a network namespace; deselected where that is not allowed"
    )
    config.stash[_NOT_COLLECTED] = {}


def pytest_pycollect_makeitem(
    collector: pytest.Module | pytest.Class, name: str, obj: object
) -> list[pytest.Item] | None:
    """Leave out the clauses that do not apply to a provider, and keep why."""
    # Anything may stand in a test module: only a function is asked for an attribute.
    if not isinstance(collector, pytest.Class) or not inspect.isfunction(obj):
        return None
    if not hasattr(obj, "conformance_clause"):
        return None
    from avatar_core.testing.conformance.clauses import clause_of
    from avatar_core.testing.conformance.collecting import what_is_missing, why_not

    if (missing := what_is_missing(collector.obj)) is not None:
        raise collector.CollectError(missing)
    clause = clause_of(obj)
    reason = None if clause is None else why_not(collector.obj, clause)
    if clause is None or reason is None:
        return None
    left_out = f"{collector.obj.provider}: {clause.id}"
    collector.config.stash[_NOT_COLLECTED][left_out] = f"{reason} ({clause.link})"
    return []


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Say below the failure of a conformance test which clause is broken."""
    report = yield
    function = getattr(item, "function", None)
    if report.failed and hasattr(function, "conformance_clause"):
        from avatar_core.testing.conformance.clauses import clause_of

        clause = clause_of(function)
        add = getattr(report.longrepr, "addsection", None)
        if clause is not None and add is not None:
            add("Provider contract", clause.breach)
    return report


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take over what a worker of xdist did not collect."""
    node.config.stash[_NOT_COLLECTED].update(getattr(node, "workeroutput", {}).get(_OUTPUT, {}))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Tell xdist's controller what was not collected here."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output[_OUTPUT] = session.config.stash[_NOT_COLLECTED]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """List the clauses that were not collected."""
    left_out = terminalreporter.config.stash[_NOT_COLLECTED]
    if left_out:
        terminalreporter.section("clauses of the provider contract that do not apply")
        for name, reason in sorted(left_out.items()):
            terminalreporter.write_line(f"{name}: {reason}")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what needs a network of its own where this machine allows none."""
    marked = [item for item in items if item.get_closest_marker("own_network") is not None]
    if not marked:
        return
    from avatar_core.testing.lossy_network import LossyNetwork

    if LossyNetwork.why_not() is not None:
        config.hook.pytest_deselected(items=marked)
        items[:] = [item for item in items if item not in marked]


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


@pytest.fixture
def avatar_call(livekit_server: LiveKitServer) -> OpenCall:
    """Open a call: an agent that runs, a viewer who records, and any provider's avatar.

    ``async with avatar_call("acme", api_key="any") as call:`` takes what ``AvatarSession`` takes.
    ``await call.says(1.5)`` lets the agent speak; ``call.stage.viewer`` is the viewer,
    ``call.avatar`` the session. The avatar is in the room and heard by the viewer by then.
    """

    @asynccontextmanager
    async def open_call(*arguments: Any, **options: Any) -> AsyncIterator[AvatarCall]:
        from avatar_core.session.avatar_session import AvatarSession
        from avatar_core.testing.avatar_call import open_avatar_call, open_stage

        avatar = AvatarSession(*arguments, **options)
        async with open_stage(livekit_server) as stage, open_avatar_call(stage, avatar) as call:
            yield call

    return open_call


@pytest.fixture
def scripted_api() -> Iterator[ScriptedApi]:
    """A vendor's HTTP API on 127.0.0.1 that answers as a test says and goes wrong when told to.

    It runs in a thread. ``on`` adds an answer, ``fail`` lets calls go wrong, ``send_avatar`` lets
    a real avatar join; ``upstream`` names an emulator that answers what no route does.
    """
    from avatar_core.testing.scripted_api import ScriptedApi

    with ScriptedApi.run() as api:
        yield api


@pytest.fixture
def lossy_network() -> LossyNetwork:
    """Packet loss and cuts, for a test under ``own_network_test``."""
    from avatar_core.testing.lossy_network import LossyNetwork

    return LossyNetwork()
