"""The clauses, run by pytest one after the other, each told as it ends."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import time
import traceback
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest

from avatar_core.contract.errors import AvatarError, ProviderAuthError
from avatar_core.testing.conformance import Clause
from avatar_core.testing.conformance.clauses import clause_of
from avatar_core.verification import suite
from avatar_core.verification.plan import Plan

# Nothing of the folder that the command is run in: no configuration, no plugin that is installed.
_ALONE = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": None, "PYTEST_PLUGINS": None}
_PLUGINS = ("pytest_asyncio.plugin", "avatar_core.testing.pytest_plugin")
_KEPT_LINES = 30


class VerificationError(AvatarError):
    """The clauses could not be run, which says nothing of the provider."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """How a clause ended.

    Args:
        clause: Which.
        passed: Whether the provider keeps it.
        seconds: How long that took.
        words: What was wrong, one line; empty if it passed.
        details: The same with where it happened.
    """

    clause: Clause
    passed: bool
    seconds: float
    words: str = ""
    details: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a run ended.

    Args:
        verdicts: In order, those clauses that came to an end.
        stopped: Why the others did not; None if all did.
    """

    verdicts: tuple[Verdict, ...]
    stopped: Literal["interrupted", "refused"] | None


def run_clauses(plan: Plan, *, tell: Callable[[Verdict], None]) -> Outcome:
    """Run what is planned; ``suite.begin`` has been called.

    Ctrl-C and SIGTERM end the clause under way, with what it has started.

    Args:
        plan: The clauses.
        tell: Given each verdict.

    Raises:
        VerificationError: pytest could not run them.
    """
    watching = _Watching(plan, tell)
    said = io.StringIO()
    with _environment(), _terminated_like_interrupted(), contextlib.redirect_stdout(said):
        code = pytest.main(
            [
                *("-c", os.devnull, "--rootdir", str(Path(suite.__file__).parent)),
                *("--noconftest", "-p", "no:cacheprovider", "-p", "no:unraisableexception"),
                *("--tb", "short", "--import-mode", "prepend"),
                *("-o", "asyncio_default_fixture_loop_scope=function"),
                *(word for plugin in _PLUGINS for word in ("-p", plugin)),
                suite.__file__,
            ],
            plugins=[watching],
        )
    if code in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        return Outcome(verdicts=tuple(watching.verdicts), stopped=watching.stopped)
    if code == pytest.ExitCode.INTERRUPTED:
        stopped = watching.stopped or "interrupted"
        return Outcome(verdicts=tuple(watching.verdicts), stopped=stopped)
    last = " | ".join(line for line in said.getvalue().splitlines()[-_KEPT_LINES:] if line.strip())
    raise VerificationError(f"pytest could not run the clauses (exit code {int(code)}): {last}")


class _Watching:
    """A plugin of pytest: chooses the tests, and hears how each ends."""

    def __init__(self, plan: Plan, tell: Callable[[Verdict], None]) -> None:
        self._plan = plan
        self._tell = tell
        self._began = 0.0
        self._failed: tuple[str, str] | None = None
        self.verdicts: list[Verdict] = []
        self.stopped: Literal["interrupted", "refused"] | None = None

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Keep what is planned, in its order."""
        found = {clause_of(getattr(item, "function", None)): item for item in items}
        missing = [each.id for each in self._plan.clauses if each not in found]
        if missing:
            raise pytest.UsageError(f"not collected: {', '.join(missing)}")
        items[:] = [found[each] for each in self._plan.clauses]

    def pytest_runtest_logstart(self) -> None:
        """Begin to measure."""
        self._began, self._failed = time.monotonic(), None

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Keep what was wrong, and tell the verdict when all of a test is over."""
        report = yield
        if call.excinfo is not None and self._failed is None:
            self._failed = (_words(call.excinfo.value), report.longreprtext)
            # With a key that is refused every further clause would fail for the same reason.
            if isinstance(call.excinfo.value, ProviderAuthError):
                self.stopped = "refused"
                item.session.shouldstop = "the key is refused"
        if report.when == "teardown":
            self._end(item)
        return report

    def _end(self, item: pytest.Item) -> None:
        clause = clause_of(getattr(item, "function", None))
        assert clause is not None
        words, details = self._failed or ("", "")
        verdict = Verdict(
            clause=clause,
            passed=self._failed is None,
            seconds=time.monotonic() - self._began,
            words=words,
            details=details,
        )
        self.verdicts.append(verdict)
        self._tell(verdict)


def _words(error: BaseException) -> str:
    text = str(error).strip()
    first = " ".join(text.splitlines()[0].split()) if text else ""
    if isinstance(error, AssertionError):
        # The clauses are imported before pytest could put values into such a check.
        places = traceback.extract_tb(error.__traceback__)
        return first or f"this does not hold: {places[-1].line if places else 'a check'}"
    return f"{type(error).__name__}: {first}" if first else type(error).__name__


@contextlib.contextmanager
def _environment() -> Iterator[None]:
    before = {name: os.environ.get(name) for name in _ALONE}
    _set(_ALONE)
    try:
        yield
    finally:
        _set(before)


def _set(variables: Any) -> None:
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


@contextlib.contextmanager
def _terminated_like_interrupted() -> Iterator[None]:
    """Let SIGTERM do what Ctrl-C does: a clause that is cut off ends what it has started."""
    before = signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
