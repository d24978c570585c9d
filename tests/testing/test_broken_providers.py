"""A provider that keeps the contract passes, and each that breaks a clause fails at that clause."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from avatar_core.testing.conformance import CLAUSES

ROOT = Path(__file__).parents[2]
CLASSES = "tests/testing/broken_providers/classes.py"

BROKEN = {
    "NamesNoSession": ("starts", "joins"),
    "SpeaksForNobody": ("joins", "starts"),
    "IsRoomAdmin": ("token", "starts"),
    "IsDeaf": ("speaks", "joins"),
    "IsStubborn": ("interrupted", "speaks"),
    "IsForgetful": ("paused", "speaks"),
    "IsTalkative": ("reports", "speaks"),
    "EndsNothing": ("ends", "joins"),
    "IsStrict": ("ends-twice", "ends"),
    "LeavesATask": ("nothing-left", "ends"),
    "HidesRefusals": ("wrong-key", "api-down"),
    "LetsErrorsOut": ("api-down", "wrong-key"),
    "TrustsAnswers": ("garbled", "api-down"),
    "WaitsForEver": ("slow", "api-down"),
    "BlocksTheLoop": ("slow", "api-down"),
    "IsLate": ("cancelled", "joins"),
    "HasOneFace": ("two-at-once", "joins"),
    "KeepsItsFirstToken": ("replaced", "joins"),
    "StaysAway": ("comes-back", "joins"),
    "LogsItsRequest": ("secrets", "token"),
}
"""By provider: the clause that it breaks, and a near one that it keeps."""


AT_ONCE = 5
"""Providers in one pytest: to import LiveKit takes longer than most clauses."""

GROUPS = [list(BROKEN)[begin : begin + AT_ONCE] for begin in range(0, len(BROKEN), AT_ONCE)]


@pytest.mark.timeout(600)
@pytest.mark.flaky(reruns=2)
@pytest.mark.parametrize("names", GROUPS, ids="-".join)
def test_a_provider_that_breaks_a_clause_fails_there_and_is_told_which(names: list[str]) -> None:
    expected: dict[tuple[str, str], str] = {}
    for name in names:
        broken, kept = BROKEN[name]
        expected |= {(name, broken): "FAILED", (name, kept): "PASSED"}
    outcomes, output = conformance(list(expected))
    assert outcomes == expected, output
    for name in names:
        clause = CLAUSES[BROKEN[name][0]]
        assert clause.breach.splitlines()[0] in output
        assert clause.link in output


def test_every_clause_is_broken_by_some_provider() -> None:
    assert {broken for broken, _ in BROKEN.values()} == set(CLAUSES)


def conformance(tests: list[tuple[str, str]]) -> tuple[dict[tuple[str, str], str], str]:
    """Run clauses of providers, in a pytest of its own; returns outcomes and output."""
    nodes = [f"{CLASSES}::Test{name}::test_{clause.replace('-', '_')}" for name, clause in tests]
    # As a stranger's project runs it: none of our own guards, and pytest-asyncio's default.
    plain = ["--noconftest", "-o", "asyncio_mode=strict", "-p", "no:cacheprovider", "-n", "0"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rA", *plain, *nodes],
        cwd=ROOT,
        env={k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "COV"))},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    lines = re.findall(
        r"^(PASSED|FAILED|ERROR) \S+::Test(\w+)::test_(\w+)", done.stdout, re.MULTILINE
    )
    return {(name, test.replace("_", "-")): outcome for outcome, name, test in lines}, done.stdout
