from __future__ import annotations

import subprocess
import sys

import pytest
import tomli

from tests.house.tree import ROOT, files, packages, projects

HEAVY = ("aiohttp", "livekit", "numpy", "PIL")


@pytest.mark.parametrize(
    "module",
    ["avatar_core", "avatar_core.cli.app", "avatar_core.livekit_server"]
    + [f"{package}.plugin" for package in packages()],
)
def test_importing_what_everyone_imports_is_cheap(module: str) -> None:
    program = f"import sys, {module}; print(*sorted(sys.modules), sep='\\n')"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    loaded = {name.partition(".")[0] for name in done.stdout.splitlines()}
    assert not loaded & set(HEAVY)


def test_the_pytest_plugin_costs_other_projects_nothing() -> None:
    program = (
        "import sys, avatar_core.testing.pytest_plugin; print(*sorted(sys.modules), sep='\\n')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    ours = {name for name in done.stdout.splitlines() if name.startswith("avatar_core")}
    assert ours == {"avatar_core", "avatar_core.testing", "avatar_core.testing.pytest_plugin"}
    assert not {"livekit", "aiohttp", "pydantic"} & set(done.stdout.splitlines())


def test_import_contracts_know_every_provider_and_folder() -> None:
    settings = tomli.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    layers, forbidden = settings["contracts"]

    assert set(settings["root_packages"]) == {"avatar_core", *packages()}
    assert set(forbidden["forbidden_modules"]) == set(packages())
    assert layers["exhaustive"] is True


def test_every_distribution_ships_its_types_and_the_same_licence() -> None:
    for folder, project in projects().items():
        assert project["project"]["license"] == "Apache-2.0"
        (package,) = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
        assert (folder / package / "py.typed").exists(), package


def test_make_help_lists_every_command() -> None:
    targets = [
        line.partition(":")[0]
        for line in (ROOT / "Makefile").read_text().splitlines()
        if line[:1].isalpha() and ":" in line.partition("=")[0]
    ]
    help_text = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True).stdout

    assert {"help", "demo", "test", "lint", "types", "docs", "bench"} <= set(targets)
    for target in targets:
        assert f"  make {target} " in help_text


def test_no_file_is_one_that_git_should_ignore() -> None:
    assert not [path for path in files() if path.suffix in (".pyc", ".mp4", ".whl", ".log")]
