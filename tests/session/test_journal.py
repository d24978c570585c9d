"""What is written down before a session is asked for, where, and when it is crossed out."""

from __future__ import annotations

import asyncio
import json
import stat
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from avatar_core.session import journal as journal_module
from avatar_core.session.journal import Journal, open_journal
from avatar_core.session.journal_entry import journal_folder, without_credentials
from tests.session.journal_entries import entry, modes, names, read


async def test_an_intent_is_on_the_disk_before_anything_else_happens(tmp_path: Path) -> None:
    folder = tmp_path / "state" / "sessions"
    written = Journal(folder)
    await written.intend(entry("one"))
    assert read(folder)["one"].session_id is None
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert modes(folder) == {0o600}

    written.note_id("one", "sess_1")
    await written.settle()
    found = read(folder)["one"]
    assert replace(found, lock=None) == entry(
        "one", session_id="sess_1", created_at=found.created_at
    )

    written.cross_out("one")
    await written.settle()
    assert names(folder) == []


async def test_what_was_never_written_down_is_not_brought_back_by_its_id(tmp_path: Path) -> None:
    written = Journal(tmp_path)
    written.note_id("one", "sess_1")
    written.cross_out("one")
    await written.settle()
    assert names(tmp_path) == []


async def test_a_journal_that_cannot_be_written_is_one_warning_and_holds_up_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    written = Journal(tmp_path / "file" / "sessions")
    began = time.monotonic()
    for key in ("one", "two"):
        await written.intend(entry(key))
        written.note_id(key, "sess")
        written.cross_out(key)
    await written.settle()
    assert time.monotonic() - began < journal_module.WRITE_SECONDS
    (line,) = [each for each in caplog.records if "journal" in each.message]
    assert line.levelname == "WARNING"
    assert "AVATAR_JOURNAL names another folder, or switches it off" in line.message


async def test_a_disk_that_stands_still_keeps_one_start_waiting_briefly(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_module, "WRITE_SECONDS", 0.2)
    go_on = threading.Event()
    written = Journal(tmp_path)
    written._submit(lambda: (go_on.wait(30), None)[1])  # as a write that the disk does not finish
    began = time.monotonic()
    await written.intend(entry("one"))
    assert 0.15 < time.monotonic() - began < 5
    began = time.monotonic()
    await written.intend(entry("two"))
    await written.settle()
    assert time.monotonic() - began < 0.15
    assert "takes more than 0.2 s" in caplog.text
    go_on.set()


async def test_a_cancelled_start_waits_for_nothing(tmp_path: Path) -> None:
    written = Journal(tmp_path)
    writing = asyncio.ensure_future(written.intend(entry("one")))
    await asyncio.sleep(0)
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    written.cross_out("one")
    await written.settle()
    assert names(tmp_path) == []


# --- where ---------------------------------------------------------------------------------------

HOMES: dict[str, tuple[dict[str, str], Callable[[Path], Path | None]]] = {
    "state home": ({"XDG_STATE_HOME": "{}/state"}, lambda home: home / "state"),
    "home": ({"XDG_STATE_HOME": ""}, lambda home: home / ".local/state"),
    "relative": ({"XDG_STATE_HOME": "here"}, lambda home: home / ".local/state"),
}


@pytest.mark.parametrize("case", HOMES)
def test_it_lies_in_the_state_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    variables, base = HOMES[case]
    monkeypatch.setenv("HOME", str(tmp_path))
    for name, value in variables.items():
        monkeypatch.setenv(name, value.format(tmp_path))
    expected = base(tmp_path)
    assert expected is not None
    assert journal_folder() == expected / "avatar-core/sessions"


def test_a_variable_names_another_folder_or_switches_it_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AVATAR_JOURNAL", "~/there")
    assert journal_folder() == tmp_path / "there"
    opened = open_journal()
    assert opened is not None
    assert open_journal() is opened
    monkeypatch.setenv("AVATAR_JOURNAL", "OFF")
    assert open_journal() is None


@pytest.mark.parametrize(
    ("url", "written"),
    [
        ("wss://key:secret@h.example:7880/rtc?access_token=x#y", "wss://h.example:7880/rtc"),
        ("ws://127.0.0.1:7880", "ws://127.0.0.1:7880"),
        ("wss://[::1", ""),
    ],
)
def test_a_url_is_written_without_what_opens_it(url: str, written: str) -> None:
    assert without_credentials(url) == written


def test_an_entry_says_what_an_operator_needs_and_nothing_else() -> None:
    assert sorted(json.loads(entry("one").to_json())) == [
        "agent_identity", "avatar_identity", "created_at", "host", "idempotency_key",
        "livekit_url", "lock", "process_id", "process_namespace", "process_started", "provider",
        "room", "session_id", "version",
    ]  # fmt: skip
