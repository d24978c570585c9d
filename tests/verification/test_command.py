"""``avatar verify`` as far as nothing is created; runs are in the tests of protoface."""

from __future__ import annotations

import importlib.util
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from avatar_core.cli.app import run
from avatar_core.contract.models import Finding
from tests.verification.scripted_account import KEY, Cloud

Avatar = Callable[..., tuple[int, str, str]]
HERE = ("--option", "api_url=http://127.0.0.1:9")


@pytest.fixture
def avatar(cloud: Cloud, capsys: pytest.CaptureFixture[str]) -> Avatar:
    def call(*arguments: str) -> tuple[int, str, str]:
        code = run(["verify", *arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("missing", ["pytest", "pytest_asyncio"])
def test_without_pytest_it_is_said_what_to_install(
    avatar: Avatar, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == missing else find(name)
    )
    code, out, err = avatar("cloud")
    assert (code, out) == (2, "")
    assert missing.replace("_", "-") in err and 'pip install "avatar-core[verify]"' in err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nobody"], "no avatar provider named 'nobody'"),
        (["cloud"], "cannot reach a LiveKit server like one on this machine"),
        (["cloud", *HERE, "--only", "speeks"], "did you mean 'speaks'?"),
        (["cloud", *HERE, "--record", "/nowhere/at/all.json"], "cannot be written there"),
        (["cloud", *HERE, "--patience", "inf"], "--patience inf is no number of seconds"),
        (["cloud", *HERE], "nobody is at a terminal to agree; give --yes"),
    ],
)
def test_a_mistake_is_one_line_and_costs_nothing(
    avatar: Avatar, cloud: Cloud, arguments: list[str], words: str
) -> None:
    code, _, err = avatar(*arguments)
    assert code == 2
    assert words in err and len(err.splitlines()) == 1
    assert cloud.made == {} and KEY not in err


def test_a_vendors_cloud_is_not_asked_for_more_starts_than_vendors_allow(avatar: Avatar) -> None:
    away = ("cloud", "--allow-private-server", "--only", "speaks")
    assert "creates at most 1 session, 4 a minute at most, which" in avatar(*away)[1]
    assert "against https://api.acme.example.\n" in avatar(*away)[1]
    assert "1 session, 9 a minute" in avatar(*away, "--starts-per-minute", "9")[1]
    assert "1 session, which" in avatar(*away, "--starts-per-minute", "0")[1]
    here = avatar("cloud", *HERE, "--only", "speaks")[1]
    assert "1 session, which" in here
    assert "which is on this machine: no proof about the real service" in here


@pytest.mark.parametrize("text", ["[1]", "{", '{"a": 1}'])
def test_a_file_that_holds_something_else_is_left_as_it_is(
    avatar: Avatar, tmp_path: Path, text: str
) -> None:
    record = tmp_path / "mine.json"
    record.write_text(text, encoding="utf-8")
    code, _, err = avatar("cloud", *HERE, "--record", str(record), "--yes")
    assert code == 2 and "name another file" in err
    assert record.read_text(encoding="utf-8") == text


@pytest.mark.parametrize(
    ("typed", "code"), [("n\n", 2), ("\n", 2), ("", 2)], ids=["no", "nothing", "Ctrl-D"]
)
def test_whoever_does_not_agree_pays_nothing(
    avatar: Avatar, cloud: Cloud, monkeypatch: pytest.MonkeyPatch, typed: str, code: int
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(typed))
    monkeypatch.setattr(sys, "stderr", (terminal := Terminal()))
    assert run(["verify", "cloud", *HERE]) == code
    assert "Create them? [y/N]" in terminal.getvalue()
    assert "nothing was created" in terminal.getvalue()
    assert cloud.made == {}


def test_what_the_provider_finds_wrong_itself_stops_it_before_it_costs(
    avatar: Avatar, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.findings = [
        Finding(level="warning", message="little is left", remedy="buy more"),
        Finding(level="error", message="the key is refused", remedy="get another"),
    ]
    monkeypatch.setattr(sys, "stdin", Terminal("y\n"))
    monkeypatch.setattr(sys, "stderr", Terminal())
    code, out, _ = avatar("cloud", *HERE)
    assert code == 2
    assert "Check: warning: little is left: buy more\n" in out
    assert "Check: error: the key is refused: get another\n" in out
    assert cloud.made == {}

    code, out, _ = avatar("cloud", *HERE, "--yes", "--json")
    told = json.loads(out)
    assert (code, told["stopped"], told["sessions"]) == (2, "check", [])
    assert told["findings"][1] == {
        "level": "error", "message": "the key is refused", "remedy": "get another",
    }  # fmt: skip


def test_ctrl_c_at_the_question_says_that_nothing_was_created(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted() -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.setattr(sys, "stderr", (terminal := Terminal()))
    monkeypatch.setattr("builtins.input", interrupted)
    assert run(["verify", "cloud", *HERE]) == 130
    assert "stopped: nothing was created" in terminal.getvalue()
    assert cloud.made == {}


def test_help_says_what_it_costs_and_imports_neither_pytest_nor_livekit(avatar: Avatar) -> None:
    code, out, _ = avatar("--help")
    words = " ".join(out.split())
    assert code == 0
    assert "It costs money: how many sessions, for how long, is said and asked about" in words
    for option in ("--yes", "--only", "--without", "--record", "--starts-per-minute"):
        assert option in words


def test_an_entry_replaces_the_last_one_and_leaves_the_others(tmp_path: Path) -> None:
    from avatar_core.verification.record import Entry, read_records, write_record

    def entry(**changes: Any) -> Entry:
        given: dict[str, Any] = {
            "date": "2026-11-23", "service": None, "real": True, "provider_version": "1",
            "core_version": "2", "passed": ["speaks"], "failed": [], "left_out": {},
        }  # fmt: skip
        return Entry(**{**given, **changes})

    path = tmp_path / "verified.json"
    write_record(path, "one", entry())
    write_record(path, "another", entry(failed=["ends"]))
    write_record(path, "one", entry(date="2026-11-24"))
    found = read_records(path)
    assert list(found) == ["another", "one"]
    assert found["one"]["date"] == "2026-11-24"
    assert json.loads(path.read_text(encoding="utf-8"))["another"]["failed"] == ["ends"]
    assert [each.name for each in tmp_path.iterdir()] == ["verified.json"]
