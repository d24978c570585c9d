from __future__ import annotations

import re

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from tests.house.tree import ROOT, files, projects

LOCKED = ROOT / "requirements" / "dev.txt"


def locked() -> dict[str, list[Requirement]]:
    found: dict[str, list[Requirement]] = {}
    for line in LOCKED.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith(("#", " ")):
            requirement = Requirement(line.rstrip(" \\"))
            found.setdefault(canonicalize_name(requirement.name), []).append(requirement)
    return found


def wanted() -> list[str]:
    found: list[str] = []
    for project in projects().values():
        found += project["project"]["dependencies"]
        found += [
            each
            for extra in project["project"].get("optional-dependencies", {}).values()
            for each in extra
        ]
        found += [each for group in project.get("dependency-groups", {}).values() for each in group]
    own = {canonicalize_name(project["project"]["name"]) for project in projects().values()}
    return sorted({each for each in found if canonicalize_name(Requirement(each).name) not in own})


@pytest.mark.parametrize("requirement", wanted())
def test_what_a_project_asks_for_is_locked(requirement: str) -> None:
    asked = Requirement(requirement)
    pins = locked().get(canonicalize_name(asked.name), [])

    assert pins, f"run `make lock`: {asked.name} is not locked"
    for pin in pins:
        (version,) = [each.version for each in pin.specifier]
        assert asked.specifier.contains(version), f"run `make lock`: {pin} does not fit {asked}"


def test_every_locked_package_has_hashes_and_an_exact_version() -> None:
    for block in re.split(r"\n(?=\S)", LOCKED.read_text(encoding="utf-8").strip()):
        if not block.startswith("#"):
            assert re.match(r"[a-z0-9.-]+==\S+", block), block
            assert re.search(r"--hash=sha256:[0-9a-f]{64}", block), block


def test_no_lock_holds_an_address() -> None:
    locks = [path for path in files() if path.name in ("package-lock.json", "uv.lock")]
    locks += [path for path in files() if path.suffix == ".txt"]

    assert LOCKED.relative_to(ROOT) in locks
    for path in locks:
        assert "://" not in (ROOT / path).read_text(encoding="utf-8"), path
    assert "omit-lockfile-registry-resolved=true" in (ROOT / ".npmrc").read_text(encoding="utf-8")


def test_a_provider_is_an_extra_of_the_core_and_fits_it() -> None:
    own = {
        canonicalize_name(project["project"]["name"]): project["project"]
        for project in projects().values()
    }
    core = own.pop(canonicalize_name("avatar-core"))
    extras = [
        Requirement(each) for extra in core["optional-dependencies"].values() for each in extra
    ]
    for name, provider in own.items():
        fitting = [each for each in extras if canonicalize_name(each.name) == name]
        assert fitting, f"{name} is in no extra of avatar-core"
        assert all(each.specifier.contains(provider["version"]) for each in fitting)
        (base,) = [
            each
            for each in map(Requirement, provider["dependencies"])
            if each.name == "avatar-core"
        ]
        assert base.specifier.contains(core["version"])


def test_every_claimed_python_is_one_that_the_setup_takes() -> None:
    setup = (ROOT / "scripts" / "setup.py").read_text(encoding="utf-8")
    listed = re.search(r"^TESTED = \[(.*)\]", setup, re.M)
    assert listed is not None
    tested = re.findall(r"\d+\.\d+", listed[1])
    for folder, project in projects().items():
        classifiers = project["project"].get("classifiers", [])
        claimed = [each.rpartition(" ")[2] for each in classifiers if ":: Python :: 3." in each]
        if claimed:
            assert sorted(claimed) == sorted(tested), folder
        lowest = SpecifierSet(project["project"]["requires-python"])
        assert all(lowest.contains(version) for version in tested)
