"""Fail unless every test there is was run and passed: check_report.py REPORT_FOLDER

A suite that skips, deselects, expects failures or does not find its own files looks like one
that passes; pytest's exit status does not tell.
"""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parent.parent


def findings(folder: Path) -> list[str]:
    report = folder / "junit.xml"
    if not report.exists():
        return ["pytest wrote no report"]
    cases = list(ElementTree.parse(report).getroot().iter("testcase"))
    found = [] if cases else ["no test was run"]
    for case in cases:
        for outcome in case:
            if outcome.tag in ("skipped", "failure", "error"):
                reason = (outcome.get("message") or "").splitlines() or [""]
                name = f"{case.get('classname')}::{case.get('name')}"
                # An expected failure is reported as a skip too.
                found.append(f"{outcome.get('type') or outcome.tag}: {name}: {reason[0][:120]}")
    deselected = folder / "deselected.txt"
    if deselected.exists():
        names = Counter(deselected.read_text(encoding="utf-8").splitlines())
        found += [f"deselected: {name}" for name in names]
    ran = {case.get("classname") or "" for case in cases}
    for path in test_files():
        module = path.removesuffix(".py").replace("/", ".")
        if not any(name == module or name.startswith(f"{module}.") for name in ran):
            found.append(f"no test of this file was run: {path}")
    return found


def test_files() -> list[str]:
    command = ["git", "ls-files", "-co", "--exclude-standard", "tests", "providers"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return sorted(
        path
        for path in listed.stdout.splitlines()
        if Path(path).name.startswith("test_") and path.endswith(".py") and (ROOT / path).exists()
    )


def main(folder: str) -> int:
    found = findings(Path(folder))
    for line in found[:50]:
        print(line)
    if len(found) > 50:
        print(f"… and {len(found) - 50} more")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
