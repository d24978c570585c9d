"""``avatar demo`` as it is typed: arguments, output, exit codes, Ctrl-C."""

from __future__ import annotations

import io
import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pytest
import typer
from rich.console import Console

from avatar_core.cli import demo as demo_module
from avatar_core.cli.app import run
from avatar_core.livekit_server import LiveKitServer
from tests.demo.film import read_film
from tests.demo.sounds import melody, write_sound

DEMO = [sys.executable, "-c", "from avatar_core.cli.app import main; main()", "demo"]


@pytest.fixture(autouse=True)
def _on_the_tests_server(livekit_server: LiveKitServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVEKIT_URL", livekit_server.url)
    monkeypatch.setenv("LIVEKIT_API_KEY", livekit_server.api_key)
    monkeypatch.setenv("LIVEKIT_API_SECRET", livekit_server.api_secret)


def demo(tmp_path: Path, *arguments: str) -> int:
    """Run the command in this process."""
    return run(["demo", "--out", str(tmp_path / "film.mp4"), *arguments])


@contextmanager
def running(tmp_path: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run the command in a process of its own; it is ended if the test did not see to it."""
    out = str(tmp_path / "film.mp4")
    with subprocess.Popen(
        [*DEMO, "--out", out, "--option", "size=128", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def read_until(stream: IO[str] | None, words: str) -> str:
    """Read progress lines up to the one with these words."""
    assert stream is not None
    read = ""
    for line in stream:
        read += line
        if words in line:
            return read
    raise AssertionError(f"{words!r} never came: {read}")


def names(folder: Path) -> list[str]:
    """Every file there, hidden ones too."""
    return sorted(path.name for path in folder.iterdir())


def test_a_demo_prints_its_timeline_and_writes_both_files(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert demo(tmp_path, "--option", "size=128", "--say", "Hello!") == 0
    printed = capfd.readouterr()
    for words in ("started", "joined", "first frame", "first sound", "Hello!", "film.mp4"):
        assert words in printed.out
    assert "avatar joined" in printed.err
    assert "\x1b" not in printed.out + printed.err  # nobody looks at a terminal
    assert names(tmp_path) == ["film.mp4", "film.png"]


def test_json_is_all_there_is_on_stdout_and_inputs_keep_their_order(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    first = str(write_sound(folder / "first.wav", melody(0.5)))
    third = str(write_sound(folder / "third.ogg", melody(0.5), rate=24_000))
    arguments = ["--audio", first, "--say", "Second.", f"--audio={third}", "--say", "Fourth."]
    assert demo(tmp_path, "--json", "--option", "size=128", *arguments) == 0
    told = json.loads(capfd.readouterr().out)
    labels = [segment["label"] for segment in told["segments"]]
    assert labels == ["first.wav", "Second.", "third.ogg", "Fourth."]
    assert told["recording"]["path"] == str(tmp_path / "film.mp4")


def test_an_avatar_that_was_not_to_be_seen_is_an_exit_code(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert demo(tmp_path, "--option", "fail=unavailable", "--say", "Hello!") == 1
    printed = capfd.readouterr()
    assert "no avatar joined the call: mock was not to be seen" in printed.err
    assert names(tmp_path) == ["film.mp4", "film.png"]


MISTAKES: list[tuple[str, Sequence[str], str]] = [
    ("missing file", ["--audio", "nowhere.wav"], "nowhere.wav: there is no such file"),
    ("empty text", ["--say", ""], "the text to say is empty"),
    ("unknown provider", ["--provider", "nosuch"], "no avatar provider named 'nosuch'"),
    ("unknown option", ["--option", "colour=red"], "unknown option 'colour'"),
    ("wrong option", ["--option", "size=big"], "option 'size'"),
    ("option without value", ["--option", "size"], "not of the form key=value"),
    ("reserved option", ["--option", "policy=x"], "policy"),
    ("whose option", ["--provider", "mock,mock", "--option", "size=64"], "several are given"),
    ("options of nothing", ["--provider", "off", "--option", "size=64"], "'off'"),
    ("late interruption", ["--say", "Hi.", "--interrupt-at", "9"], "not inside 'Hi.'"),
    (
        "one interruption too many",
        ["--say", "Hi.", "--interrupt-at", "0.1", "--interrupt-at", "0.1"],
        "given 2 times and there are 1",
    ),
    ("no time", ["--seconds", "0"], "--seconds must be more than 0"),
    ("not a time", ["--seconds", "nan"], "--seconds must be more than 0"),
    ("wrong ending", ["--out", "film.avi"], "its name ends in .mp4"),
    ("no folder", ["--out", "nowhere/film.mp4"], "cannot write nowhere/film.mp4"),
    ("refused credentials", ["--option", "fail=auth"], "mock.auth"),
]


@pytest.mark.parametrize(
    ("arguments", "complaint"), [case[1:] for case in MISTAKES], ids=[case[0] for case in MISTAKES]
)
def test_a_mistake_is_one_line_and_leaves_no_file(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    arguments: Sequence[str],
    complaint: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert demo(tmp_path, *arguments) == 1
    printed = capfd.readouterr()
    assert printed.out == ""
    assert complaint in printed.err
    assert printed.err.count("\n") == 1
    assert names(tmp_path) == []


def test_a_refused_key_is_one_line_and_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LIVEKIT_API_SECRET", "x" * 32)
    assert demo(tmp_path) == 1
    printed = capfd.readouterr()
    assert "refuses the key" in printed.err
    assert printed.err.count("\n") == 1
    assert names(tmp_path) == []


def test_avatar_provider_chooses_and_the_argument_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AVATAR_PROVIDER", "off")
    assert demo(tmp_path, "--json", "--say", "Hello!") == 0
    assert json.loads(capfd.readouterr().out)["provider"] == "off"
    assert demo(tmp_path, "--json", "--provider", "mock?size=64", "--say", "Hi!") == 0
    assert json.loads(capfd.readouterr().out)["provider"] == "mock"


def test_without_the_packages_of_the_extra_one_line_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for name in [name for name in sys.modules if name.startswith("avatar_core.demo")]:
        monkeypatch.delitem(sys.modules, name)
    for name in ("PIL", "PIL.Image"):
        monkeypatch.setitem(sys.modules, name, None)
    assert demo(tmp_path) == 1
    assert 'pip install "avatar-core[demo]"' in capfd.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_the_call_cleanly_and_keeps_what_was_recorded(
    tmp_path: Path, number: signal.Signals
) -> None:
    tune = str(write_sound(tmp_path / "tune.wav", melody(30.0)))
    with running(tmp_path, "--json", "--audio", tune) as process:
        read_until(process.stderr, "says 'tune.wav'")
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    told = json.loads(out)
    assert told["stopped_by"] == "interrupt"
    assert told["segments"][0]["interrupted"]
    assert "Traceback" not in err
    assert names(tmp_path) == ["film.mp4", "film.png", "tune.wav"]
    film = read_film(tmp_path / "film.mp4")
    assert len(film.pictures) >= 5
    assert film.video_seconds == pytest.approx(told["recording"]["seconds"], abs=0.1)


def test_ctrl_c_twice_leaves_no_film_and_still_ends_the_avatar(tmp_path: Path) -> None:
    with running(tmp_path, "--say", "A sentence. " * 20) as process:
        read_until(process.stderr, "says")
        process.send_signal(signal.SIGINT)
        read_until(process.stderr, "ending the call")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    # The second may come when the film is being written; half of one is never there.
    assert names(tmp_path) in ([], ["film.mp4", "film.png"])
    assert ("nothing was recorded" in err) == (out == "")


def test_ctrl_c_before_anything_is_recorded_leaves_nothing(tmp_path: Path) -> None:
    with running(tmp_path, "--option", "never_join=true") as process:
        read_until(process.stderr, "avatar started")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert out == ""
    assert "nothing was recorded" in err
    assert names(tmp_path) == []


def test_a_server_of_its_own_is_used_and_gone_when_none_is_configured(tmp_path: Path) -> None:
    environment = {key: value for key, value in os.environ.items() if "LIVEKIT_" not in key}
    if (binary := os.environ.get("AVATAR_LIVEKIT_SERVER")) is not None:
        environment["AVATAR_LIVEKIT_SERVER"] = binary
    done = subprocess.run(
        [*DEMO, "--out", str(tmp_path / "film.mp4"), "--option", "size=128", "--say", "Hello!"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert names(tmp_path) == ["film.mp4", "film.png"]


def test_a_server_that_goes_away_ends_the_call_and_the_film_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tune = str(write_sound(tmp_path / "tune.wav", melody(60.0)))
    with LiveKitServer.start() as server:
        monkeypatch.setenv("LIVEKIT_URL", server.url)
        monkeypatch.setenv("LIVEKIT_API_KEY", server.api_key)
        monkeypatch.setenv("LIVEKIT_API_SECRET", server.api_secret)
        with running(tmp_path, "--json", "--audio", tune) as process:
            read_until(process.stderr, "says 'tune.wav'")
            server.stop()
            out, err = process.communicate(timeout=150)
    assert process.returncode == 1, err
    assert json.loads(out)["stopped_by"] == "lost"
    assert "the connection to the LiveKit server was lost" in err
    assert "Traceback" not in err
    assert names(tmp_path) == ["film.mp4", "film.png", "tune.wav"]


def test_what_livekit_fails_at_is_one_line_and_what_we_fail_at_says_where() -> None:
    shown = Console(file=io.StringIO(), width=200)
    with demo_module._warnings_on(shown):
        for name in ("livekit.agents", "avatar_core"):
            try:
                raise RuntimeError("no such room")
            except RuntimeError:
                logging.getLogger(name).warning("failed to send", exc_info=True)
    livekits, *ours = shown.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert livekits == "warning: failed to send (RuntimeError)"
    assert ours[0] == "warning: failed to send"
    assert ours[-1] == "RuntimeError: no such room"


def test_the_order_is_by_name_where_a_program_calls_the_function_itself() -> None:
    context: Any = typer.Context(typer.main.get_command(demo_module.demo))
    files = [Path("c.wav")]
    assert demo_module._in_order(context, ["a", "b"], files) == ["a", "b", *files]


def test_help_names_every_option(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["demo", "--help"]) == 0
    out = capfd.readouterr().out
    names = "say audio interrupt-at provider option seconds out json yes"
    for option in names.split():
        assert f"--{option} " in out
