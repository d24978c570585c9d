"""``avatar new-provider`` as it is typed, and what it leaves."""

from __future__ import annotations

from pathlib import Path

import pytest

from avatar_core.cli.app import run


def everything(folder: Path) -> list[str]:
    """Every file and folder there, hidden ones too."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Give the one line that a refusal is."""
    assert run(["new-provider", *arguments]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    return printed.err
