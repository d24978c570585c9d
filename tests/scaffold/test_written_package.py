"""A package as ``avatar new-provider`` writes it, with nothing changed: installed, and in calls."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from avatar_core.demo.speech import synthesize
from avatar_core.livekit_server import LiveKitServer
from tests.demo.film import SAME_SPEECH, read_film, read_sound, similarity
from tests.demo.sounds import write_sound
from tests.docs.blocks import blocks_of
from tests.docs.own_environment import make_environment
from tests.house.tree import ROOT

AVATAR = ("-c", "from avatar_core.cli.app import main; main()")
TEXT = "Good morning! One, two, three, four."


def run(*command: str | Path, cwd: Path, **variables: str) -> str:
    done = subprocess.run(
        command,
        cwd=cwd,
        env=os.environ | variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=170,
    )
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("written")
    run(sys.executable, *AVATAR, "new-provider", "my-face", cwd=folder)
    return folder / "avatar-provider-my-face"


@pytest.fixture(scope="module")
def python(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment with the package installed in it, beside what is here."""
    binaries = make_environment(tmp_path_factory.mktemp("installed") / "venv")
    run(binaries / "pip", "install", package, cwd=package.parent)
    return binaries / "python"


def test_it_is_installed_whole_and_listed_as_sound(python: Path, tmp_path: Path) -> None:
    (row,) = [
        row
        for row in json.loads(run(python, *AVATAR, "providers", "--check", "--json", cwd=tmp_path))
        if row["name"] == "my-face"
    ]
    assert (row["status"], row["error"]) == ("loaded", None)
    assert (row["distribution"], row["version"]) == ("avatar-provider-my-face", "0.1.0")
    assert row["title"] == "My Face"
    assert row["hooks"] == ["describe_provider", "mint_token", "start_session", "end_session"]
    program = "import avatar_provider_my_face as package; print(package.__path__[0])"
    where = Path(run(python, "-c", program, cwd=tmp_path).strip())
    assert where.is_relative_to(python.parents[1])
    assert (where / "py.typed").exists()
    assert [path.name for path in where.parent.glob("tests*")] == []


def test_its_name_is_taken_now(python: Path, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="taken by avatar-provider-my-face, which is inst"):
        run(python, *AVATAR, "new-provider", "my_face", cwd=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_its_own_tests_pass(python: Path, package: Path, livekit_server: LiveKitServer) -> None:
    # They start a server of their own, as for whoever wrote the package; the one here only says
    # that this is a test in real time.
    printed = run(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=package)
    assert "21 passed" in printed


def test_its_types_are_strict_by_this_projects_settings(python: Path, package: Path) -> None:
    # The cache of `make types`, without which LiveKit's types alone take most of a minute.
    cache = ROOT / ".mypy_cache"
    settings = ("--config-file", ROOT / "pyproject.toml", "--cache-dir", cache)
    run(python, "-m", "mypy", *settings, ".", cwd=package)


def test_it_talks_in_a_demo(python: Path, tmp_path: Path, livekit_server: LiveKitServer) -> None:
    film = tmp_path / "film.mp4"
    arguments = ("--provider", "my-face", "--option", "size=128", "--say", TEXT, "--out", film)
    told = json.loads(
        run(
            *(python, *AVATAR, "demo", "--json", *arguments),
            cwd=tmp_path,
            LIVEKIT_URL=livekit_server.url,
            LIVEKIT_API_KEY=livekit_server.api_key,
            LIVEKIT_API_SECRET=livekit_server.api_secret,
        )
    )
    assert told["provider"] == "my-face"
    (segment,) = told["segments"]
    assert not segment["interrupted"]

    speech = synthesize(TEXT)
    sent = read_sound(write_sound(tmp_path / "sent.wav", speech.samples, rate=speech.sample_rate))
    seen = read_film(film)
    heard, begin = similarity(seen.samples, sent)
    assert heard > SAME_SPEECH
    assert seen.pictures[0].shape == (128, 128)
    # The mouth is dark and grows with the voice: it is larger while the words are said.
    dark = np.array([(picture < 40).mean() for picture in seen.pictures])
    said = (seen.times >= begin) & (seen.times <= begin + speech.samples.size / speech.sample_rate)
    assert dark[~said].min() + 0.02 < dark[said].max() < 0.2


def test_its_readme_says_what_works(python: Path, package: Path, tmp_path: Path) -> None:
    text = (package / "README.md").read_text(encoding="utf-8")
    blocks = blocks_of(text, path="README.md")
    assert [block.language for block in blocks] == ["python", "sh", "python"]
    for block in blocks:
        if block.language == "python":
            run(python, "-c", block.code, cwd=tmp_path)
    # Each of them is what a test above runs, but for the network that pip would need.
    assert blocks[1].code.splitlines() == [
        'pip install -e ".[dev]"',
        "avatar providers my-face",
        "python -m pytest",
        "avatar demo --provider my-face",
    ]
