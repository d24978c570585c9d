"""The guards of the root conftest.py, each seen to catch what it is for."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.house.tree import ROOT

SETTINGS = """
[tool.pytest.ini_options]
addopts = ["--import-mode=importlib"]
asyncio_mode = "auto"
asyncio_default_fixture_loop_scope = "function"
filterwarnings = ["error"]
markers = ["every_python"]
"""


def run_suite(folder: Path, test: str, *arguments: str, **settings: str) -> str:
    (folder / "tests" / "unit").mkdir(parents=True)
    shutil.copy(ROOT / "conftest.py", folder)
    (folder / "pyproject.toml").write_text(SETTINGS)
    (folder / "tests" / "unit" / "test_it.py").write_text(textwrap.dedent(test))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments],
        cwd=folder,
        env=os.environ | settings,
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.stdout + done.stderr


def test_a_task_that_outlives_its_test_fails_it(tmp_path: Path) -> None:
    said = run_suite(
        tmp_path,
        """
        import asyncio

        KEPT = []

        async def test_leaks():
            KEPT.append(asyncio.create_task(asyncio.sleep(60), name="forgotten"))
        """,
    )

    assert "the test left asyncio tasks behind: forgotten" in said
    assert "1 passed, 1 error" in said


def test_a_task_that_is_about_to_end_is_given_the_time(tmp_path: Path) -> None:
    said = run_suite(
        tmp_path,
        """
        import asyncio

        KEPT = []

        async def test_ends():
            task = asyncio.create_task(asyncio.sleep(60))
            await asyncio.sleep(0)
            task.cancel()
            KEPT.append(asyncio.create_task(asyncio.sleep(0.1)))
        """,
    )

    assert "1 passed" in said and "error" not in said


def test_a_task_of_a_fixture_that_cleans_up_is_no_leak(tmp_path: Path) -> None:
    said = run_suite(
        tmp_path,
        """
        import asyncio, contextlib, pytest

        @pytest.fixture
        async def server():
            task = asyncio.create_task(asyncio.sleep(60))
            yield
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

        async def test_uses_it(server):
            pass
        """,
    )

    assert "1 passed" in said and "error" not in said


def test_a_process_that_outlives_its_test_fails_it_and_is_ended(tmp_path: Path) -> None:
    said = run_suite(
        tmp_path,
        """
        import subprocess

        KEPT = []

        def test_leaks():
            KEPT.append(subprocess.Popen(["sleep", "60"]))

        def test_next_one_starts_clean():
            assert KEPT[0].wait(timeout=10) == -9
        """,
    )

    assert "the test left processes behind" in said and "sleep 60" in said
    assert "2 passed, 1 error" in said


def test_no_setting_from_outside_reaches_a_test_but_where_the_server_is(tmp_path: Path) -> None:
    said = run_suite(
        tmp_path,
        """
        import os

        def test_is_alone():
            settings = ("AVATAR_", "LIVEKIT_", "PROTOFACE_")
            left = [name for name in os.environ if name.startswith(settings)]
            assert left == ["AVATAR_LIVEKIT_SERVER"]
        """,
        # Set here too: whoever runs these tests has it set or not, and it is the one that stays.
        AVATAR_LIVEKIT_SERVER="/opt/livekit-server",
        AVATAR_PROVIDER="protoface",
        LIVEKIT_URL="wss://example.invalid",
        PROTOFACE_API_KEY="somebody's",
    )

    assert "1 passed" in said, said


@pytest.mark.parametrize("processes", ["0", "2"])
def test_deselected_tests_are_written_down(tmp_path: Path, processes: str) -> None:
    said = run_suite(
        tmp_path,
        """
        def test_one(): pass
        def test_two(): pass
        """,
        "-k",
        "one",
        f"--numprocesses={processes}",
        DESELECTED_TESTS=str(tmp_path / "deselected.txt"),
    )

    assert "1 passed" in said
    names = set((tmp_path / "deselected.txt").read_text().splitlines())
    assert names == {"tests/unit/test_it.py::test_two"}


def test_only_the_folders_named_are_left_to_one_python(tmp_path: Path) -> None:
    for folder in ("calls", "house"):
        (tmp_path / "tests" / folder).mkdir(parents=True)
        (tmp_path / "tests" / folder / f"test_{folder}.py").write_text(
            "import pytest\n"
            "def test_long(): pass\n"
            "@pytest.mark.every_python\n"
            "def test_marked(): pass\n"
        )

    said = run_suite(tmp_path, "def test_unit(): pass", "-m", "every_python", "--collect-only")

    assert "test_it.py::test_unit" in said
    assert "test_calls.py::test_marked" in said
    assert "test_long" not in said
