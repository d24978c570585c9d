"""What .ci/run trusts: the report of the suite, and that nothing is left running."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from scripts import check_report
from tests.house.tree import ROOT

CASE = '<testcase classname="{name}" name="test_it">{outcome}</testcase>'


@pytest.fixture
def report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of a report in which the only test file there is passed."""
    monkeypatch.setattr(check_report, "test_files", lambda: ["tests/a/test_a.py"])
    write(tmp_path, "")
    return tmp_path


def write(folder: Path, outcome: str, *, name: str = "tests.a.test_a") -> None:
    case = CASE.format(name=name, outcome=outcome)
    (folder / "junit.xml").write_text(f"<testsuites><testsuite>{case}</testsuite></testsuites>")


def test_a_suite_that_ran_and_passed_is_accepted(report: Path) -> None:
    assert check_report.findings(report) == []


@pytest.mark.parametrize(
    "outcome",
    [
        '<skipped type="pytest.skip" message="no browser"/>',
        '<skipped type="pytest.xfail" message="known"/>',
        '<failure message="assert 1 == 2"/>',
        '<error message="fixture"/>',
    ],
)
def test_every_outcome_but_passed_is_refused(report: Path, outcome: str) -> None:
    write(report, outcome)

    (finding,) = check_report.findings(report)
    assert "tests.a.test_a::test_it" in finding


def test_no_test_at_all_is_refused(report: Path) -> None:
    (report / "junit.xml").write_text("<testsuites><testsuite/></testsuites>")

    assert "no test was run" in check_report.findings(report)


def test_no_report_at_all_is_refused(tmp_path: Path) -> None:
    assert check_report.findings(tmp_path) == ["pytest wrote no report"]


def test_a_deselected_test_is_refused(report: Path) -> None:
    (report / "deselected.txt").write_text("tests/a/test_a.py::test_b\n" * 4)

    assert check_report.findings(report) == ["deselected: tests/a/test_a.py::test_b"]


def test_a_test_file_that_was_not_collected_is_refused(report: Path) -> None:
    write(report, "", name="tests.a.test_another.TestClass")

    assert check_report.findings(report) == ["no test of this file was run: tests/a/test_a.py"]


def test_the_trees_own_test_files_are_known() -> None:
    assert "tests/house/test_ci.py" in check_report.test_files()
    assert "tests/house/tree.py" not in check_report.test_files()


def leftovers(run_id: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "scripts/leftovers.py", run_id], cwd=ROOT, capture_output=True, text=True
    )


def test_a_process_that_a_run_left_behind_is_named_and_ended() -> None:
    # Of a run that has yet to begin: what other tests start meanwhile is not this one's.
    run_id = f"test-{os.getpid()}-{int(time.time()) + 3600}"
    program = "import time; time.sleep(60)"
    process = subprocess.Popen(
        [sys.executable, "-c", program], env=os.environ | {"CI_RUN_ID": run_id}, cwd="/"
    )
    while psutil.Process(process.pid).environ().get("CI_RUN_ID") != run_id:
        time.sleep(0.01)  # forked, and not yet the program

    found = leftovers(run_id)

    assert process.wait(timeout=10) == -9
    assert found.returncode == 1
    assert f"left behind: {process.pid}" in found.stdout
    assert leftovers(run_id).returncode == 0
