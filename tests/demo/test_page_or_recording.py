"""Which form of the demo is chosen where nobody asked for one."""

from __future__ import annotations

import webbrowser
from collections.abc import Iterator
from typing import Any

import pytest

from avatar_core.cli.app import run
from avatar_core.cli.demo_page import wants_page
from avatar_core.contract.errors import ConfigurationError
from avatar_core.demo.live import a_browser


class Terminal:
    def isatty(self) -> bool:
        return True


@pytest.fixture
def sits_there(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Somebody at a terminal with a browser and a screen."""
    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr("sys.stderr", Terminal())
    monkeypatch.setattr(webbrowser, "get", object)
    yield monkeypatch


def test_a_page_is_for_somebody_at_a_terminal_with_a_browser(
    sits_there: pytest.MonkeyPatch,
) -> None:
    assert a_browser.somebody_looks({"DISPLAY": ":0"})


def test_without_a_browser_the_call_is_recorded(sits_there: pytest.MonkeyPatch) -> None:
    def none() -> Any:
        raise webbrowser.Error("could not locate runnable browser")

    sits_there.setattr(webbrowser, "get", none)
    assert not a_browser.somebody_looks({"DISPLAY": ":0"})


def test_without_a_terminal_the_call_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not a_browser.somebody_looks({"DISPLAY": ":0"})


def test_what_was_asked_for_wins_and_an_option_of_the_recording_asks_for_it() -> None:
    assert wants_page(True, recording=[])
    assert not wants_page(False, recording=[])
    assert not wants_page(None, recording=["--say"])
    with pytest.raises(ConfigurationError, match="--say is of a recorded call"):
        wants_page(True, recording=["--say"])


def test_a_page_that_cannot_be_had_is_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["demo", "--page", "--provider", "nosuch", "--say", "Hi."]) == 1
    assert capfd.readouterr().err.count("\n") == 1
