"""A provider without its key: what is asked, used and said in its place."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from avatar_core.cli.app import run
from avatar_core.contract.errors import ConfigurationError
from avatar_core.demo.stand_in import choose_stand_in
from avatar_core.discovery import default
from avatar_core.discovery.registry import ProviderRegistry
from avatar_core.livekit_server import LiveKitServer
from tests.demo.film import read_film
from tests.discovery.installed import Site, installed_site

IS_USED = "PROTOFACE_API_KEY is not set: this call uses the Protoface emulator on this machine"
AVATAR = [sys.executable, "-c", "from avatar_core.cli.app import main; main()"]

ACME = """
from contextlib import contextmanager
from typing import Annotated
from pydantic import SecretStr
from avatar_core import (
    Credential, Discard, Env, ProviderInfo, ProviderOptions, StandIn, StartedSession, hookimpl
)


class Options(ProviderOptions):
    face: str = "anna"
    url: Annotated[str, Env("ACME_URL")] = "https://acme.example"
    api_key: Annotated[SecretStr, Env("ACME_API_KEY")]


@hookimpl
def describe_provider():
    key = Credential(option="api_key", variable="ACME_API_KEY", description="from acme's console")
    return ProviderInfo(
        name="acme", title="Acme", options=Options, avatar_option="face", credentials=(key,)
    )


@hookimpl
async def start_session(request):
    return StartedSession(session_id="1", identities=(), audio=Discard())


@hookimpl
async def end_session(request):
    pass


@hookimpl
def local_stand_in():
    return StandIn(title="a toy", options=("url", "api_key"), run=toy, install=INSTALL)


@contextmanager
def toy():
    yield {"url": "http://127.0.0.1:1", "api_key": "toy"}


INSTALL = None
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    for here in installed_site(tmp_path / "site", monkeypatch):
        registry = ProviderRegistry(entry_points=here.entry_points)
        monkeypatch.setattr(default, "_providers", registry)
        yield here


@pytest.mark.parametrize("spec", ["acme", "acme/bea", "acme?face=bea"])
def test_a_missing_key_is_asked_about_and_stood_in_for(site: Site, spec: str) -> None:
    site.provider("acme", ACME)
    asked = []

    def ask(question: str) -> bool:
        asked.append(question)
        return True

    chosen = choose_stand_in(spec, ask=ask)
    assert asked == ["ACME_API_KEY is not set: use a toy on this machine?"]
    assert chosen is not None
    assert chosen.offer.title == "a toy"


def test_what_is_not_wanted_is_not_used(site: Site) -> None:
    site.provider("acme", ACME)
    with pytest.raises(ConfigurationError) as caught:
        choose_stand_in("acme", ask=lambda question: False)
    assert str(caught.value) == "ACME_API_KEY is not set: set it (from acme's console)"


def test_what_is_not_installed_is_named_and_nobody_is_asked(site: Site) -> None:
    site.provider("acme", ACME.replace("INSTALL = None", "INSTALL = 'pip install toys'"))
    with pytest.raises(ConfigurationError) as caught:
        choose_stand_in("acme", ask=lambda question: pytest.fail("asked"))
    assert str(caught.value) == (
        "ACME_API_KEY is not set: set it (from acme's console), or try a toy on this machine"
        " without it: pip install toys"
    )


@pytest.mark.parametrize(
    ("spec", "environment"),
    [
        ("acme", {"ACME_API_KEY": "key"}),
        ("acme?api_key=key", {}),
        ("acme?url=https://elsewhere.example", {}),
        ("acme", {"ACME_URL": "https://elsewhere.example"}),
        ("acme,mock", {}),
        ("off", {}),
    ],
    ids=["key", "key as option", "url as option", "url", "with a fallback", "off"],
)
def test_who_says_where_to_go_is_sent_there(
    site: Site, monkeypatch: pytest.MonkeyPatch, spec: str, environment: dict[str, str]
) -> None:
    site.provider("acme", ACME)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert choose_stand_in(spec, ask=lambda question: pytest.fail("asked")) is None


@pytest.mark.parametrize("answer", ["return None", "return 5"], ids=["none", "nonsense"])
def test_a_provider_may_have_none(site: Site, answer: str) -> None:
    site.provider("acme", ACME.replace("return StandIn(", f"{answer}\n    return StandIn("))
    assert choose_stand_in("acme", ask=lambda question: pytest.fail("asked")) is None


def test_a_stand_in_that_does_not_start_is_one_line(
    site: Site, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    site.provider("acme", ACME.replace("    yield {", "    raise OSError('secret')\n    yield {"))
    assert run(["demo", "--provider", "acme", "--out", str(tmp_path / "film.mp4")]) == 1
    assert capfd.readouterr().err == "avatar: a toy could not be started (OSError)\n"


# --- Protoface and its emulator -------------------------------------------------------------------


def test_without_the_emulators_packages_one_line_says_what_to_set_or_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "avatar_provider_mock", None)
    assert run(["demo", "--provider", "protoface", "--out", str(tmp_path / "film.mp4")]) == 1
    assert capfd.readouterr().err == (
        "avatar: PROTOFACE_API_KEY is not set: set it (from your Protoface account), or try the"
        " Protoface emulator on this machine without it:"
        ' pip install "avatar-provider-protoface[emulator]"\n'
    )
    assert list(tmp_path.iterdir()) == []


# --- in a real room ------------------------------------------------------------------------------


@pytest.fixture
def _on_the_tests_server(livekit_server: LiveKitServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVEKIT_URL", livekit_server.url)
    monkeypatch.setenv("LIVEKIT_API_KEY", livekit_server.api_key)
    monkeypatch.setenv("LIVEKIT_API_SECRET", livekit_server.api_secret)


@pytest.mark.usefixtures("_on_the_tests_server")
def test_a_demo_without_protofaces_key_films_its_emulator_and_says_so(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    before = threading.enumerate()
    arguments = ["--provider", "protoface/av_stock_002", "--say", "Hello from the emulator."]
    assert run(["demo", *arguments, "--out", str(tmp_path / "film.mp4")]) == 0
    printed = capfd.readouterr()
    assert IS_USED in printed.err
    assert "Call with protoface (the Protoface emulator on this machine)" in printed.out
    assert "sess_" in printed.out
    film = read_film(tmp_path / "film.mp4")
    assert film.pictures[0].shape == (512, 512)
    assert len(film.pictures) > 10
    assert film.motion.max() > 0.1
    assert abs(film.samples).max() > 1000
    assert sorted(path.name for path in tmp_path.iterdir()) == ["film.mp4", "film.png"]
    left = [thread.name for thread in threading.enumerate() if thread not in before]
    assert "protoface-emulator" not in left


@pytest.mark.usefixtures("_on_the_tests_server")
def test_at_a_terminal_it_asks_and_ctrl_c_ends_call_and_emulator(tmp_path: Path) -> None:
    with at_terminal(tmp_path, "--json", "--say", "A sentence. " * 20) as (process, screen):
        read_until(screen, b"use the Protoface emulator on this machine? [Y/n]")
        os.write(screen, b"\n")
        read_until(screen, b"says")
        process.send_signal(signal.SIGINT)
        shown = read_until(screen, None)
        assert process.stdout is not None
        told = json.loads(process.stdout.read())
        assert process.wait(timeout=60) == 130
    assert told["stand_in"] == "the Protoface emulator"
    assert told["state"] in ("live", "closed")
    assert b"Traceback" not in shown
    assert b"not ended" not in shown


def test_at_a_terminal_no_is_no(tmp_path: Path) -> None:
    with at_terminal(tmp_path) as (process, screen):
        read_until(screen, b"[Y/n]")
        os.write(screen, b"n\n")
        shown = read_until(screen, None)
        assert process.wait(timeout=60) == 1
    assert b"PROTOFACE_API_KEY is not set: set it" in shown
    assert list(tmp_path.iterdir()) == []


@contextmanager
def at_terminal(folder: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Run the demo with a terminal for its question and progress, and a pipe for its answer."""
    screen, terminal = pty.openpty()
    out = str(folder / "film.mp4")
    command = [*AVATAR, "demo", "--provider", "protoface", "--out", out, *arguments]
    with subprocess.Popen(
        command, stdin=terminal, stdout=subprocess.PIPE, stderr=terminal, text=True
    ) as process:
        os.close(terminal)
        try:
            yield process, screen
        finally:
            if process.poll() is None:
                process.kill()
            os.close(screen)


def read_until(screen: int, words: bytes | None) -> bytes:
    """Read what the terminal shows up to some words, or all of it; the test's limit bounds it."""
    shown = b""
    while words is None or words not in shown:
        try:
            shown += os.read(screen, 65536)
        except OSError:  # Linux says so when nobody has the terminal open any more
            if words is None:
                return shown
            raise AssertionError(f"{words!r} never came: {shown!r}") from None
    return shown
