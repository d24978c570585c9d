"""The template holds this project's own rules, whatever name is put into it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import tomli
from packaging.requirements import Requirement

from avatar_core.contract.models import CONTRACT_VERSION
from avatar_core.discovery.entry_points import PROVIDER_GROUP
from avatar_core.scaffold.names import LONGEST, provider_names
from avatar_core.scaffold.package import TEMPLATE, write_package
from tests.house.tree import ROOT, projects


def settings(path: Path) -> dict[str, Any]:
    return tomli.loads(path.read_text(encoding="utf-8"))


OURS, ITS = settings(ROOT / "pyproject.toml"), settings(TEMPLATE / "pyproject.toml")


def test_its_rules_of_style_are_this_projects() -> None:
    ours, its = OURS["tool"]["ruff"], ITS["tool"]["ruff"]
    assert its["line-length"] == ours["line-length"]
    assert its["target-version"] == ours["target-version"]
    for rules in ("select", "ignore", "pydocstyle"):
        assert its["lint"][rules] == ours["lint"][rules]
    assert ITS["tool"]["mypy"]["strict"] is OURS["tool"]["mypy"]["strict"] is True


def test_it_asks_for_the_core_it_was_written_with_and_states_its_contract() -> None:
    (core,) = [
        requirement
        for requirement in map(Requirement, ITS["project"]["dependencies"])
        if requirement.name == "avatar-core"
    ]
    assert core.specifier.contains(OURS["project"]["version"])
    asked = [
        requirement
        for folder, project in projects().items()
        if folder != ROOT
        for requirement in map(Requirement, project["project"]["dependencies"])
        if requirement.name == "avatar-core"
    ]
    assert {each.specifier for each in asked} == {core.specifier}
    plugin = (TEMPLATE / "avatar_provider_vendorname" / "plugin.py").read_text(encoding="utf-8")
    assert f"contract_version={CONTRACT_VERSION}," in plugin
    assert ITS["project"]["requires-python"] == OURS["project"]["requires-python"]
    assert list(ITS["project"]["entry-points"]) == [PROVIDER_GROUP]


@pytest.mark.parametrize("name", ["a", "my-face", "z" * LONGEST])
def test_style_and_format_hold_for_a_name_of_any_length(name: str, tmp_path: Path) -> None:
    package = tmp_path / "package"
    write_package(provider_names(name), package)
    ours = ("--config", str(ROOT / "pyproject.toml"))
    for command in (["check"], ["check", *ours], ["format", "--check"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--no-cache", "."],
            cwd=package,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stdout + done.stderr
