"""Which form of the demo is chosen where nobody asked for one."""

from __future__ import annotations

import sys
import webbrowser
from typing import Any

import pytest

from avatar_core.cli.app import run
from avatar_core.cli.demo_page import wants_page
from avatar_core.contract.errors import ConfigurationError
from avatar_core.demo.live import a_browser


class Terminal:
    def isatty(self) -> bool:
        return True


def sit_down(monkeypatch: pytest.MonkeyPatch) -> None:
    """Be somebody at a terminal with a browser; in the test, for pytest puts its own there."""
    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr("sys.stderr", Terminal())
    monkeypatch.setattr(webbrowser, "get", object)


def test_a_page_is_for_somebody_at_a_terminal_with_a_browser(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sit_down(monkeypatch)
    assert a_browser.somebody_looks({"DISPLAY": ":0"})
    assert sys.platform != "linux" or not a_browser.somebody_looks({})


def test_without_a_browser_the_call_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> Any:
        raise webbrowser.Error("could not locate runnable browser")

    sit_down(monkeypatch)
    monkeypatch.setattr(webbrowser, "get", none)
    assert not a_browser.somebody_looks({"DISPLAY": ":0"})


def test_without_a_terminal_the_call_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    sit_down(monkeypatch)
    monkeypatch.setattr(Terminal, "isatty", lambda self: False)
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
