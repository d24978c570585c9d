"""A distribution declares what it imports itself; what others happen to bring may go with them."""

from __future__ import annotations

import ast
import functools
import re
import sys
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import tomli
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from avatar_core.scaffold.package import TEMPLATE
from tests.house.tree import ROOT, projects

# The template of new providers is a project of its own, inside the core's package.
_TEMPLATE = tomli.loads((TEMPLATE / "pyproject.toml").read_text(encoding="utf-8"))
PROJECTS = {**projects(), TEMPLATE: _TEMPLATE}
# Only who runs tests imports it, and then has it.
_OF_A_TEST_RUN = {("avatar_core", "pytest"), ("avatar_provider_protoface", "pytest")}


def imported(package: Path) -> Iterator[tuple[str, str]]:
    """Yield the import name and the file of each import of something that is not ours."""
    for path in sorted(package.rglob("*.py")):
        if path.is_relative_to(TEMPLATE) and not package.is_relative_to(TEMPLATE):
            continue
        where = path.relative_to(package.parent).as_posix()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
                names = [node.module]
                if node.module == "livekit":  # the namespace that LiveKit's distributions share
                    names = [f"livekit.{alias.name}" for alias in node.names]
            for name in names:
                if name.partition(".")[0] not in {package.name, *sys.stdlib_module_names}:
                    yield name, where


def distributions(name: str) -> set[str]:
    """Return the distributions that bring an import name; LiveKit's are named after it."""
    if name.startswith("livekit."):
        part = name.split(".")[1]
        return {"livekit" if part == "rtc" else canonicalize_name(f"livekit-{part}")}
    top = name.partition(".")[0]
    found = installed().get(top) or [top]  # ours, installed editable, is not listed
    return {canonicalize_name(each) for each in found}


@functools.cache
def installed() -> Mapping[str, list[str]]:
    return metadata.packages_distributions()


def declared(project: dict[str, Any]) -> set[str]:
    texts = list(project["project"]["dependencies"])
    for extra in project["project"].get("optional-dependencies", {}).values():
        texts += extra
    names = {canonicalize_name(Requirement(text).name) for text in texts}
    # livekit-agents is built on these and hands out their types: one is not without the other.
    return names | ({"livekit", "livekit-protocol"} if "livekit-agents" in names else set())


@pytest.mark.parametrize("folder", [pytest.param(folder, id=folder.name) for folder in PROJECTS])
def test_every_import_is_a_declared_dependency(folder: Path) -> None:
    project = PROJECTS[folder]
    (package,) = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    known = declared(project)
    if "avatar-core" in known:  # a provider is nothing without the core and what that declares
        known |= declared(PROJECTS[ROOT])

    missing: dict[str, str] = {}
    for name, where in imported(folder / package):
        found = distributions(name)
        if not found & known and (package, name.partition(".")[0]) not in _OF_A_TEST_RUN:
            missing.setdefault(re.sub(r"\..*", "", name), where)

    assert not missing, f"declare in {folder.name}/pyproject.toml: {missing}"
