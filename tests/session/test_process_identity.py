"""Whether a process still runs, where its lock cannot tell."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from avatar_core.session import process_identity
from avatar_core.session.process_identity import this_process


@pytest.mark.parametrize("system", ["proc", "ps"])
def test_a_process_is_told_from_the_next_with_its_number(
    system: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if system == "ps":  # as on a machine that has no /proc
        monkeypatch.setattr(process_identity, "_PROC", tmp_path)
    ours = this_process()
    assert (ours.pid, ours.state()) == (os.getpid(), "alive")
    assert replace(ours, started=f"{ours.started}1").state() == "gone"
    assert replace(ours, host="another").state() == "unknown"

    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        started = process_identity._started(child.pid)
        assert started
        theirs = replace(ours, pid=child.pid, started=started)
        assert theirs.state() == "alive"
        child.kill()
        while os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT) is None:
            pass
        assert theirs.state() == "gone", "one that waits for its parent holds no call"
    finally:
        child.kill()
        child.communicate()
    assert theirs.state() == "gone"


def test_where_nobody_answers_nothing_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ours = this_process()
    monkeypatch.setattr(process_identity, "_PROC", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    lost = this_process()
    assert lost.started == ""
    assert lost.state() == "unknown"
    assert ours.state() == "unknown"
