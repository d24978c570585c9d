from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.own_environment import make_environment


@pytest.fixture
def own_environment(tmp_path: Path) -> Path:
    """The programs of an environment that a page installs its packages into."""
    return make_environment(tmp_path / "environment")
