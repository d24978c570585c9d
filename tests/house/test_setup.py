from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.house.tree import ROOT, copy_to


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    folder = tmp_path / "clone"
    copy_to(folder)
    return folder


def make(clone: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key != "VIRTUAL_ENV"}
    return subprocess.run(
        ["make", *arguments],
        cwd=clone,
        env=environment | settings,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=170,
    )


def test_a_clone_becomes_usable_once_and_stays_so(clone: Path) -> None:
    first = make(clone, "setup", PYTHON=sys.executable)
    assert first.returncode == 0, first.stderr
    python = clone / ".venv" / "bin" / "python"
    program = "import avatar_core, avatar_provider_mock; print(avatar_core.__file__)"
    imported = subprocess.run([python, "-c", program], capture_output=True, text=True, cwd="/")
    assert imported.stdout.strip() == str(clone / "avatar_core" / "__init__.py"), imported.stderr

    started = time.monotonic()
    second = make(clone, "setup", PYTHON=sys.executable)
    assert (second.returncode, second.stdout, second.stderr) == (0, "", "")
    assert time.monotonic() - started < 5

    # What the lock no longer names goes, what it names comes back.
    subprocess.run(
        [clone / ".venv/bin/uv", "pip", "uninstall", "-q", "--python", python, "pluggy"], check=True
    )
    with (clone / "requirements" / "dev.txt").open("a") as lock:
        lock.write("# changed\n")
    third = make(clone, "setup", PYTHON=sys.executable)
    assert "installing" in third.stderr
    assert subprocess.run([python, "-c", "import pluggy"]).returncode == 0


def test_the_entry_file_parses_under_pythons_that_are_too_old() -> None:
    tree = ast.parse((ROOT / "scripts" / "setup.py").read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        assert not isinstance(
            node, ast.JoinedStr | ast.AnnAssign | ast.NamedExpr | ast.AsyncFunctionDef
        )
        if isinstance(node, ast.FunctionDef):
            assert node.returns is None and not node.args.kwonlyargs and not node.args.posonlyargs
            assert all(argument.annotation is None for argument in node.args.args)
        if isinstance(node, ast.ImportFrom):
            assert node.module != "__future__"


def fake_python(folder: Path, script: str) -> str:
    path = folder / "fake-python"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


def run_setup(clone: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "scripts/setup.py"],
        cwd=clone,
        env=os.environ | settings,
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.parametrize(
    ("script", "what"),
    [("echo '3.9 /usr/bin/python3.9'", "is Python 3.9"), ("exit 127", "does not run")],
)
def test_an_old_or_broken_python_is_one_line_that_says_what_to_do(
    clone: Path, tmp_path: Path, script: str, what: str
) -> None:
    done = run_setup(clone, PYTHON=fake_python(tmp_path, script))

    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: Python 3.10 or later is needed")
    assert what in line and "make PYTHON=" in line


def test_no_python_at_all_is_one_line_that_says_what_to_do(clone: Path) -> None:
    done = make(clone, "setup", PYTHON="/nowhere/python3")

    assert done.returncode != 0
    assert done.stderr.splitlines()[0].startswith("error: /nowhere/python3 is not on PATH")
    assert "Traceback" not in done.stderr


def test_a_shim_of_an_inactive_version_is_passed_over(clone: Path, tmp_path: Path) -> None:
    shims = tmp_path / "shims"
    shims.mkdir()
    for version in ("3.13", "3.12", "3.11", "3.10"):
        (shims / f"python{version}").write_text("#!/bin/sh\necho not active >&2\nexit 127\n")
        (shims / f"python{version}").chmod(0o755)
    program = (
        "import sys; sys.path.insert(0, 'scripts'); import setup; print(setup.find_python(''))"
    )

    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=clone,
        env=os.environ | {"PATH": str(shims)},
        capture_output=True,
        text=True,
    )

    assert sys.executable in done.stdout or sys.base_prefix in done.stdout, done.stderr


def test_no_network_is_one_plain_message_and_leaves_nothing_that_passes_for_done(
    clone: Path, tmp_path: Path
) -> None:
    settings = {
        "PYTHON": sys.executable,
        "UV_DEFAULT_INDEX": "http://127.0.0.1:9/simple",
        "UV_CACHE_DIR": str(tmp_path / "cache"),
        "UV_HTTP_RETRIES": "0",
        "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
        "PIP_RETRIES": "0",
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }
    for _ in range(2):
        done = run_setup(clone, **settings)
        assert done.returncode == 1
        (line, *_rest) = [line for line in done.stderr.splitlines() if line.startswith("error:")]
        assert "the package index cannot be reached: check the network" in line
        assert "Traceback" not in done.stderr


def test_a_changed_package_is_refused(clone: Path) -> None:
    lock = clone / "requirements" / "dev.txt"
    head, name, tail = lock.read_text().partition("\npluggy==")
    forged = re.sub(r"sha256:[0-9a-f]{64}", f"sha256:{'0' * 64}", tail, count=2)
    lock.write_text(f"{head}{name}{forged}")

    done = run_setup(clone, PYTHON=sys.executable)

    assert done.returncode == 1
    assert "not the one that was locked" in done.stderr
