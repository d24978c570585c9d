"""What tests in a browser need is found or installed; what is missing is said plainly."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.house.tree import ROOT, copy_to


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    folder = tmp_path / "clone"
    copy_to(folder)
    return folder


def prepare(folder: Path, module: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", f"scripts.{module}"],
        cwd=folder,
        env=os.environ | settings,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=170,
    )


def test_when_all_is_there_nothing_is_said_or_done() -> None:
    done = prepare(ROOT, "browser")

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_browser_that_is_named_wrongly_is_one_line_that_says_so(tmp_path: Path) -> None:
    done = prepare(ROOT, "browser", AVATAR_BROWSER=str(tmp_path / "no-browser"))

    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: AVATAR_BROWSER names ") and "does not run" in line


def test_where_nothing_can_be_installed_the_error_says_what_to_install(tmp_path: Path) -> None:
    empty = tmp_path / "bin"
    empty.mkdir()
    # What Ubuntu has on PATH in place of a browser that comes as a snap.
    (empty / "chromium-browser").write_text("#!/bin/sh\necho requires the snap >&2\nexit 1\n")
    (empty / "chromium-browser").chmod(0o755)
    program = "from scripts import browser; browser.PLACES = (); raise SystemExit(browser.main())"

    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=os.environ | {"PATH": str(empty)},
        capture_output=True,
        text=True,
    )

    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "apt-get install chromium" in line and "AVATAR_BROWSER" in line


def test_two_at_once_without_npm_get_what_was_locked_once(clone: Path, tmp_path: Path) -> None:
    (empty := tmp_path / "bin").mkdir()
    cache = tmp_path / "cache"
    settings = {"PATH": str(empty), "XDG_CACHE_HOME": str(cache)}
    done: list[subprocess.CompletedProcess[str]] = []
    threads = [
        threading.Thread(target=lambda: done.append(prepare(clone, "node_packages", **settings)))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [each.returncode for each in done] == [0, 0], done
    assert sum(each.stderr.count("node_modules ready") for each in done) == 1
    client = clone / "node_modules" / "livekit-client" / "dist" / "livekit-client.esm.mjs"
    assert client.is_file()
    assert not list((cache / "avatar-core").glob("node-*")), "Node.js was to be removed again"


def test_no_network_is_one_plain_message_and_leaves_nothing_that_passes_for_done(
    clone: Path, tmp_path: Path
) -> None:
    settings = {
        "npm_config_registry": "http://127.0.0.1:9/",
        "npm_config_cache": str(tmp_path / "npm"),
        "UV_DEFAULT_INDEX": "http://127.0.0.1:9/simple",
        "UV_CACHE_DIR": str(tmp_path / "uv"),
        "UV_HTTP_RETRIES": "0",
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }
    for _ in range(2):
        done = prepare(clone, "node_packages", **settings)
        assert done.returncode == 1
        (line, *_rest) = [line for line in done.stderr.splitlines() if line.startswith("error:")]
        assert "cannot be reached: check the network" in line
        assert "Traceback" not in done.stderr


def test_a_changed_package_is_refused(clone: Path, tmp_path: Path) -> None:
    lock = clone / "package-lock.json"
    head, _, tail = lock.read_text().partition('"node_modules/livekit-client"')
    before, _, after = tail.partition('"sha512-')
    lock.write_text(f'{head}"node_modules/livekit-client"{before}"sha512-{"A" * 86}=={after[88:]}')

    done = prepare(clone, "node_packages", XDG_CACHE_HOME=str(tmp_path / "cache"))

    assert done.returncode == 1
    assert "not the one that was locked" in done.stderr
