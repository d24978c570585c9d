"""What a provider declares that it lacks is not collected, and is listed with the reason."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from avatar_core.testing.conformance import CLAUSES

LACKING = """
from avatar_core import Capabilities, ProviderInfo, ProviderOptions, hookimpl
from avatar_core.testing.conformance import ProviderConformance

class Bare:
    @hookimpl
    def describe_provider(self):
        return ProviderInfo(
            name="bare", title="Bare", options=ProviderOptions, tokens="none",
            capabilities=Capabilities(explicit_end=False, concurrent_sessions=1),
        )

    @hookimpl
    async def start_session(self, request): ...

    @hookimpl
    async def end_session(self, request): ...

class TestBare(ProviderConformance):
    provider = "bare"
    plugin = Bare()
"""
ABSENT = """
from avatar_core.testing.conformance import ProviderConformance

class TestAbsent(ProviderConformance):
    provider = "absent"
"""
UNFIT = """
from avatar_core import hookimpl
from avatar_core.testing.conformance import ProviderConformance

class TestNameless(ProviderConformance):
    options = {"size": 64}

class Unfit:
    @hookimpl
    def describe_provider(self):
        raise KeyError("not written yet")

    @hookimpl
    async def start_session(self, request): ...

    @hookimpl
    async def end_session(self, request): ...

class TestUnfit(ProviderConformance):
    provider = "unfit"
    plugin = Unfit()
"""
ALWAYS = {
    "starts", "joins", "speaks", "interrupted", "paused", "reports", "nothing-left", "cancelled",
    "secrets",
}  # fmt: skip


def collect(folder: Path, text: str, *arguments: str) -> str:
    (folder / "test_it.py").write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    done = subprocess.run(
        [*command, "test_it.py"], cwd=folder, capture_output=True, text=True, timeout=120
    )
    return f"{done.stdout}\n{done.stderr}\nexit code {done.returncode}"


@pytest.mark.parametrize("workers", [0, 1], ids=["one process", "xdist"])
def test_what_it_lacks_is_left_out_and_listed_with_the_reason(tmp_path: Path, workers: int) -> None:
    chosen = ["--collect-only"] if workers == 0 else ["-n", "1", "-k", "no_such_test"]
    output = collect(tmp_path, LACKING, *chosen)
    listed = dict(re.findall(r"^bare: (\S+): (.*)$", output, re.MULTILINE))
    assert set(listed) == set(CLAUSES) - ALWAYS, output
    assert listed["token"] == ('it declares tokens="none" (docs/reference/conformance.md#token)')
    assert "skipped" not in output
    if workers == 0:
        collected = set(re.findall(r"::test_(\w+)$", output, re.MULTILINE))
        assert collected == {clause.replace("-", "_") for clause in ALWAYS}


def test_a_provider_that_is_not_there_fails_instead_of_being_left_out(tmp_path: Path) -> None:
    output = collect(tmp_path, ABSENT, "-k", "test_starts")
    assert "no avatar provider named 'absent'" in output
    assert "Clause `starts` of the provider contract" in output


def test_what_its_author_has_forgotten_is_said_once_and_not_by_a_traceback(tmp_path: Path) -> None:
    output = collect(tmp_path, UNFIT, "--continue-on-collection-errors", "-k", "test_starts")
    assert output.count("TestNameless does not say which provider") >= 1, output
    assert "AttributeError" not in output
    # A plugin that cannot be used fails its tests, in the words of a list of providers.
    assert "describe_provider raised KeyError" in output
    assert "Clause `starts` of the provider contract" in output


def test_every_clause_has_a_section_of_its_own_in_the_documentation() -> None:
    page = (Path(__file__).parents[2] / "docs/reference/conformance.md").read_text(encoding="utf-8")
    sections = re.findall(r"^### \S+ \{ #(\S+) \}$", page, re.MULTILINE)
    assert sorted(sections) == sorted(CLAUSES)
