from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from avatar_core.discovery.registry import ProviderRegistry
from tests.discovery.installed import Site, installed_site


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    yield from installed_site(tmp_path / "site", monkeypatch)


@pytest.fixture
def registry(site: Site) -> ProviderRegistry:
    return ProviderRegistry(entry_points=site.entry_points)
