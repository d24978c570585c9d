"""``avatar new-provider`` as it is typed: what it writes, what it refuses, what it leaves."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from avatar_core.cli.app import run
from avatar_core.contract.errors import ConfigurationError
from avatar_core.scaffold.names import provider_names
from avatar_core.scaffold.package import package_files, write_package
from tests.scaffold.command import everything, refused

FILES = sorted(
    [
        "README.md",
        "avatar_provider_my_face/__init__.py",
        "avatar_provider_my_face/options.py",
        "avatar_provider_my_face/own_avatar.py",
        "avatar_provider_my_face/plugin.py",
        "avatar_provider_my_face/py.typed",
        "pyproject.toml",
        "tests/test_call.py",
        "tests/test_conformance.py",
        "tests/test_plugin.py",
    ]
)


def written(folder: Path) -> list[str]:
    return [name for name in everything(folder) if (folder / name).is_file()]


def test_it_writes_a_package_and_says_what_and_what_next(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["new-provider", "my-face"]) == 0
    printed = capsys.readouterr()
    assert everything(folder)[0] == "avatar-provider-my-face"
    assert written(folder / "avatar-provider-my-face") == FILES
    lines = printed.out.splitlines()
    assert set(FILES) <= set(lines)
    assert lines[lines.index("Next:") + 1 :] == [
        'cd avatar-provider-my-face && pip install -e ".[dev]"',
        "python -m pytest",
        "avatar demo --provider my-face",
    ]
    assert printed.err == ""


def test_no_name_of_the_template_is_left_in_what_is_written(folder: Path) -> None:
    assert run(["new-provider", "my_face"]) == 0
    package = folder / "avatar-provider-my-face"
    assert not [name for name in everything(folder) if "vendorname" in name]
    for name in FILES:
        assert "vendorname" not in (package / name).read_text(encoding="utf-8").lower(), name
    project = (package / "pyproject.toml").read_text(encoding="utf-8")
    assert 'name = "avatar-provider-my-face"' in project
    assert 'my_face = "avatar_provider_my_face.plugin"' in project
    assert 'name="my_face"' in (package / "avatar_provider_my_face/plugin.py").read_text()
    assert "MY_FACE_API_KEY" in (package / "README.md").read_text()


def test_a_name_that_contains_the_templates_own_is_put_in_once(folder: Path) -> None:
    assert run(["new-provider", "new-vendorname"]) == 0
    text = (folder / "avatar-provider-new-vendorname" / "pyproject.toml").read_text()
    assert 'name = "avatar-provider-new-vendorname"' in text
    assert 'new-vendorname = "avatar_provider_new_vendorname.plugin"' in text


def test_json_is_all_there_is_on_stdout(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["new-provider", "my_face", "--directory", "a folder", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["name"] == "my_face"
    assert told["distribution"] == "avatar-provider-my-face"
    assert told["package"] == "avatar_provider_my_face"
    assert told["directory"] == str(folder / "a folder")
    assert told["files"] == FILES == written(folder / "a folder")
    assert told["next"][0] == "cd 'a folder' && pip install -e \".[dev]\""


def test_the_commands_can_be_pasted_whatever_the_folder_is_called(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["new-provider", "my-face", "--directory=-it's"]) == 0
    command = capsys.readouterr().out.splitlines()[-3].partition(" && ")[0]
    done = subprocess.run(
        ["sh", "-ec", f"{command}; ls"], capture_output=True, text=True, cwd=folder, check=True
    )
    assert "pyproject.toml" in done.stdout.split()


def test_an_empty_folder_is_filled(folder: Path) -> None:
    (folder / "empty").mkdir()
    assert run(["new-provider", "my-face", "--directory", "empty"]) == 0
    assert written(folder / "empty") == FILES


def test_what_is_written_is_as_open_as_any_new_file(folder: Path) -> None:
    usual = folder / "usual"
    usual.mkdir()
    (usual / "file").touch()
    assert run(["new-provider", "my-face"]) == 0
    package = folder / "avatar-provider-my-face"
    assert package.stat().st_mode == usual.stat().st_mode
    assert (package / "README.md").stat().st_mode == (usual / "file").stat().st_mode


# --- nothing is overwritten -----------------------------------------------------------------------


def occupied(path: Path) -> None:
    path.mkdir()
    (path / "notes.txt").write_text("mine", encoding="utf-8")


def hidden(path: Path) -> None:
    path.mkdir()
    (path / ".git").mkdir()


def a_file(path: Path) -> None:
    path.write_text("mine", encoding="utf-8")


def a_link(path: Path) -> None:
    (path.parent / "elsewhere").mkdir()
    path.symlink_to("elsewhere")


def a_dangling_link(path: Path) -> None:
    path.symlink_to("nowhere")


@pytest.mark.parametrize("make", [occupied, hidden, a_file, a_link, a_dangling_link])
def test_what_is_there_is_left_as_it_is(
    folder: Path, capsys: pytest.CaptureFixture[str], make: object
) -> None:
    assert callable(make)
    make(folder / "target")
    before = {name: (folder / name).lstat().st_mtime_ns for name in everything(folder)}
    assert "target is there already" in refused(capsys, "my-face", "--directory", "target")
    assert {name: (folder / name).lstat().st_mtime_ns for name in everything(folder)} == before


def test_a_package_is_not_written_over_itself(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["new-provider", "my-face"]) == 0
    changed = folder / "avatar-provider-my-face" / "README.md"
    changed.write_text("my work of a week", encoding="utf-8")
    capsys.readouterr()
    line = refused(capsys, "my-face")
    assert "avatar-provider-my-face is there already" in line and "choose another folder" in line
    assert changed.read_text(encoding="utf-8") == "my work of a week"


def test_what_comes_there_while_it_is_being_written_is_left_as_it_is(folder: Path) -> None:
    target = folder / "target"

    class Meanwhile:
        """The names, and somebody who puts a file into the target when they are read."""

        def __getattr__(self, kind: str) -> Any:
            target.mkdir(exist_ok=True)
            (target / "pyproject.toml").write_text("mine", encoding="utf-8")
            return getattr(provider_names("my-face"), kind)

    names: Any = Meanwhile()
    with pytest.raises(ConfigurationError, match="Directory not empty; nothing was written"):
        write_package(names, target)
    assert everything(folder) == ["target", "target/pyproject.toml"]
    assert (target / "pyproject.toml").read_text(encoding="utf-8") == "mine"


def test_the_current_folder_is_not_replaced_under_the_shell(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "the folder you are in" in refused(capsys, "my-face", "--directory", ".")
    assert everything(folder) == []


@pytest.mark.parametrize("where", ["no/such/place", "file/place"])
def test_a_folder_that_cannot_be_made_is_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str], where: str
) -> None:
    (folder / "file").touch()
    assert "to make place in" in refused(capsys, "my-face", "--directory", where)
    assert everything(folder) == ["file"]


def test_a_disk_that_takes_no_more_leaves_no_half_of_a_package(folder: Path) -> None:
    # The limit on a file's size is a real failure in the middle of writing. It is lifted again
    # at the end: what the interpreter itself writes there (its coverage) has to find room.
    program = """
import resource
from avatar_core.cli.app import main
resource.setrlimit(resource.RLIMIT_FSIZE, (600, resource.RLIM_INFINITY))
try:
    main()
finally:
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
"""
    done = subprocess.run(
        [sys.executable, "-c", program, "new-provider", "my-face"],
        cwd=folder,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1, done.stderr
    assert "cannot be made: File too large; nothing was written" in done.stderr
    assert done.stderr.count("\n") == 1
    assert everything(folder) == []


def test_the_files_are_given_in_the_order_of_their_paths() -> None:
    assert [str(path) for path, _ in package_files(provider_names("my-face"))] == FILES
