from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.discovery.installed import Site, installed_site


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    yield from installed_site(tmp_path / "site", monkeypatch)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder the command is typed in."""
    path = tmp_path / "work"
    path.mkdir()
    monkeypatch.chdir(path)
    return path
