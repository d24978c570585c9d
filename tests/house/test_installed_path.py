"""What a user gets: the wheels, in an environment that holds nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from avatar_core.scaffold.names import provider_names
from avatar_core.scaffold.package import package_files
from tests.house.tree import ROOT, projects

TEMPLATE = "avatar_core/scaffold/template/"
"""What new providers begin with, their tests too."""


def run(*command: str | Path, cwd: Path) -> str:
    binaries = str(Path(sys.executable).parent)
    environment = os.environ | {"PATH": os.pathsep.join([binaries, os.environ["PATH"]])}
    environment.pop("VIRTUAL_ENV", None)
    done = subprocess.run(
        command,
        cwd=cwd,
        env=environment | {"UV_PYTHON_DOWNLOADS": "never"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=150,
    )
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("wheels")
    for project in projects():
        # Not isolated: the locked build backend, and no network.
        build = (sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder)
        run(*build, project, cwd=ROOT)
    return {path.name.partition("-")[0]: path for path in folder.glob("*.whl")}


@pytest.fixture(scope="module")
def installed(wheels: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("installed")
    run("uv", "venv", "--quiet", "--python", sys.executable, folder / "venv", cwd=folder)
    others = [path for name, path in wheels.items() if name != "avatar_core"]
    target = ("--quiet", "--python", str(folder / "venv" / "bin" / "python"))
    # The wheels' own metadata decide what is installed; the lock only which versions.
    run(
        *("uv", "pip", "install", *target, "--constraint", str(ROOT / "requirements/dev.txt")),
        *(f"avatar-core[mock] @ file://{wheels['avatar_core']}", *map(str, others)),
        cwd=folder,
    )
    return folder / "venv" / "bin"


def test_the_wheels_hold_the_package_and_its_types_and_no_tests(wheels: dict[str, Path]) -> None:
    assert {"avatar_core", "avatar_provider_mock"} <= wheels.keys()
    for package, wheel in wheels.items():
        names = zipfile.ZipFile(wheel).namelist()
        assert f"{package}/py.typed" in names
        assert {name.partition("/")[0].partition("-")[0] for name in names} == {package}
        ours = [name for name in names if not name.startswith(TEMPLATE)]
        assert not [name for name in ours if "/tests/" in name or name.endswith(".pyc")]
    core = zipfile.ZipFile(wheels["avatar_core"]).namelist()
    assert "avatar_core/livekit_server/go_toolchain.txt" in core
    assert any(name.endswith("/licenses/LICENSE") for name in core)


def test_an_installed_provider_is_found_with_its_distribution(installed: Path) -> None:
    listed = json.loads(run(installed / "avatar", "providers", "--json", cwd=installed))

    text = json.dumps(listed)
    providers = listed["providers"] if isinstance(listed, dict) else listed
    (mock,) = [each for each in providers if each["name"] == "mock"]
    assert "avatar-provider-mock" in json.dumps(mock), text


def test_the_wheel_writes_the_same_new_provider_as_the_source(
    wheels: dict[str, Path], installed: Path, tmp_path: Path
) -> None:
    core = zipfile.ZipFile(wheels["avatar_core"]).namelist()
    template = {name.removeprefix(TEMPLATE) for name in core if name.startswith(TEMPLATE)}
    assert template == {path.as_posix() for path, _ in package_files(provider_names("vendorname"))}

    run(installed / "avatar", "new-provider", "my-face", cwd=tmp_path)

    package = tmp_path / "avatar-provider-my-face"
    written = {
        path.relative_to(package): path.read_text(encoding="utf-8")
        for path in package.rglob("*")
        if path.is_file()
    }
    assert written == dict(package_files(provider_names("my-face")))


def test_the_installed_core_works_without_the_tools_of_its_development(installed: Path) -> None:
    program = (
        "import importlib.util as u, avatar_core, avatar_core.livekit_server;"
        "assert not u.find_spec('pytest') and not u.find_spec('hatchling');"
        "print(avatar_core.__file__)"
    )

    path = run(installed / "python", "-c", program, cwd=installed).strip()

    assert Path(path).is_relative_to(installed.parent)
