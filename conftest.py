"""Guards around every test, the core's and the providers': nothing may be left behind."""

from __future__ import annotations

import asyncio
import gc
import inspect
import os
import signal
import time
import uuid
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

import psutil
import pytest

# Settings of whoever runs the tests must not choose a provider, a server or a bill.
_SETTINGS = ("AVATAR_", "LIVEKIT_", "PROTOFACE_")
# Say where an executable is; what runs is always the tests' own.
_KEPT = {"AVATAR_LIVEKIT_SERVER", "AVATAR_BROWSER"}
# Of the run itself: a test that starts make or pytest starts another run.
_OF_THE_RUN = {"DESELECTED_TESTS", "MAKEFLAGS", "MAKELEVEL", "MFLAGS", "PYTEST_ADDOPTS", "REPORT"}
_GRACE_SECONDS = 2.0
_ROOT = Path(__file__).parent
# Tests that hear and see in real time, beside all that use a LiveKit server: on a busy machine the
# media arrive late or patched up by the receiver's concealment. They get another try; a promise
# that is broken fails every one.
_REAL_TIME = {"benchmarks", "browser", "calls", "demo", "examples", "liveness", "worker"}
# Inside a network of its own it is the test around it that gets them.
_TRIES = 1 if "OWN_NETWORK_OF_TESTS" in os.environ else 3
# Long, or about the tree and not about Python: of these only what is marked itself runs on every
# Python that is claimed, the rest on one.
_ONE_PYTHON = {
    "benchmarks", "browser", "calls", "chaos", "demo", "docs", "examples", "face", "house",
    "liveness", "protoface", "scaffold", "test_broken_providers.py", "test_calls.py",
    "test_conformance.py", "test_conformance_collecting.py", "test_lossy_network.py",
    "test_matrix.py", "test_migration.py", "worker",
}  # fmt: skip
# multiprocessing keeps one of each per process on purpose, until that process ends.
_PERMANENT_CHILDREN = ("multiprocessing.resource_tracker", "multiprocessing.forkserver")

# A suite that runs in the background inherits that SIGINT is ignored, and so would every program it
# starts; a person's terminal does not do that to them.
signal.signal(signal.SIGINT, signal.default_int_handler)


# Nothing is written into the journal of whoever runs the tests, not by a fixture of a wider scope
# either; each test has a state folder of its own.
os.environ["AVATAR_JOURNAL"] = "off"


@pytest.fixture(autouse=True)
def _no_settings_from_outside(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    for name in os.environ:
        if name in _OF_THE_RUN or (name.startswith(_SETTINGS) and name not in _KEPT):
            monkeypatch.delenv(name)
    state = tmp_path_factory.getbasetemp() / "state" / uuid.uuid4().hex
    monkeypatch.setenv("XDG_STATE_HOME", str(state))


@pytest.fixture(autouse=True)
def _no_child_left_behind(_no_settings_from_outside: None) -> Iterator[None]:
    """Fail a test whose processes outlive it; fixtures of a wider scope may keep theirs."""
    before = set(_children())
    yield
    deadline = time.monotonic() + _GRACE_SECONDS
    while left := [child for child in _children() if child not in before]:
        if time.monotonic() > deadline:
            described = ", ".join(_describe(child) for child in left)
            for child in left:  # the next test must not pay for this one
                child.kill()
            pytest.fail(f"the test left processes behind: {described}")
        time.sleep(0.02)


@pytest.fixture
async def _no_task_left_behind() -> AsyncIterator[None]:
    """Fail an async test whose tasks outlive it; asked for by every one, see below."""
    before = asyncio.all_tasks()
    yield
    current = asyncio.current_task()
    left = [task for task in asyncio.all_tasks() - before if task is not current]
    if left:  # those that have just been told to end get the time to do so
        await asyncio.wait(left, timeout=_GRACE_SECONDS)
    left = [task for task in left if not task.done()]
    if left:
        described = ", ".join(f"{task.get_name()} ({task.get_coro()!r})" for task in left)
        pytest.fail(f"the test left asyncio tasks behind: {described}")


def pytest_itemcollected(item: pytest.Item) -> None:
    folder = item.path.relative_to(_ROOT).parts
    if not _ONE_PYTHON & set(folder):
        item.add_marker("every_python")
    uses_server = "livekit_server" in getattr(item, "fixturenames", ())
    if folder[1] in _REAL_TIME or uses_server:
        item.add_marker(pytest.mark.flaky(reruns=_TRIES - 1))
    # First in the list: set up before the test's own fixtures, so torn down after them.
    if isinstance(item, pytest.Function) and inspect.iscoroutinefunction(item.function):
        item.fixturenames.insert(0, "_no_task_left_behind")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # They take minutes, or a pytest of their own: begun last, they would be waited for.
    long = ("timeout", "own_network")
    items.sort(key=lambda item: not any(item.get_closest_marker(name) for name in long))


def pytest_collection_finish() -> None:
    # What was imported and collected stays, and the collector need not look at it at every turn: a
    # tenth of the time of a test with a call.
    gc.collect()
    gc.freeze()


def pytest_deselected(items: Sequence[pytest.Item]) -> None:
    # Under xdist nobody reports these: each worker drops them for itself.
    report = os.environ.get("DESELECTED_TESTS")
    if report:
        with Path(report).open("a", encoding="utf-8") as lines:
            lines.writelines(f"{item.nodeid}\n" for item in items)


def _children() -> Iterator[psutil.Process]:
    for child in psutil.Process().children():
        try:
            command = " ".join(child.cmdline())
        except psutil.Error:
            continue  # gone meanwhile, or a zombie that its parent is about to reap
        if command and not any(name in command for name in _PERMANENT_CHILDREN):
            yield child


def _describe(process: psutil.Process) -> str:
    try:
        return f"{process.pid} ({' '.join(process.cmdline())[:120]})"
    except psutil.Error:
        return str(process.pid)
