"""What a reader of the journal believes: whose an entry is, what is none, and for how long."""

from __future__ import annotations

import os
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from avatar_core.session.journal import Journal, sweep
from avatar_core.session.journal_entry import KEPT_SECONDS, JournalEntry, stored_entries
from avatar_core.session.process_identity import this_process
from tests.session.journal_entries import entry, names, other_process, read, states

# --- whose it is ---------------------------------------------------------------------------------


async def test_a_process_is_known_to_live_and_known_to_be_gone_when_it_is_killed(
    tmp_path: Path,
) -> None:
    await Journal(tmp_path).intend(entry("ours"))
    with other_process(tmp_path) as process:
        assert states(tmp_path) == {"ours": "alive", "theirs": "alive"}
        process.send_signal(signal.SIGSTOP)  # a debugger, a suspended machine
        assert states(tmp_path)["theirs"] == "alive"
    assert states(tmp_path) == {"ours": "alive", "theirs": "gone"}
    assert states(tmp_path)["ours"] == "alive", "looking has given its lock back"


ON_LINUX: dict[str, tuple[dict[str, Any], str]] = {
    "boot": ({"started": "another-boot/1"}, "gone"),
    "container": ({"namespace": "pid:[1]"}, "unknown"),
}
CHANGES: dict[str, tuple[dict[str, Any], str]] = {
    "lives": ({}, "alive"),
    "host": ({"host": "another"}, "unknown"),
    "never known": ({"started": ""}, "unknown"),
    "number used again": ({"started": f"{this_process().started}1"}, "gone"),
    "no such process": ({"pid": 2**22 + 1}, "gone"),
    **(ON_LINUX if sys.platform == "linux" else {}),
}


@pytest.mark.parametrize("case", CHANGES)
def test_where_nothing_can_be_locked_the_process_is_known_by_its_number(
    tmp_path: Path, case: str
) -> None:
    change, state = CHANGES[case]
    (tmp_path / "one.json").write_text(
        entry("one", process=replace(this_process(), **change)).to_json()
    )
    assert states(tmp_path) == {"one": state}


def test_a_lock_that_is_held_counts_in_another_container_too(tmp_path: Path) -> None:
    with other_process(tmp_path):
        path = tmp_path / "theirs.json"
        found = JournalEntry.from_json(path.read_text())
        elsewhere = replace(found.process, namespace="pid:[1]", pid=1)
        path.write_text(replace(found, process=elsewhere).to_json())
        assert states(tmp_path) == {"theirs": "alive"}
    assert states(tmp_path) == {"theirs": "gone"}


# --- what is believed, and how long --------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"version": 2}',
        "[" * 100_000,
        entry("one").to_json().replace('"acme"', "7"),
        entry("one").to_json().replace(f'"process_id": {os.getpid()}', '"process_id": Infinity'),
        entry("one").to_json()[:-9],
    ],
    ids=["empty", "list", "no version", "later", "deep", "wrong type", "endless", "cut"],
)
def test_a_file_that_is_no_entry_harms_nobody(tmp_path: Path, text: str) -> None:
    (tmp_path / "one.json").write_text(text)
    (tmp_path / "two.json").write_text(entry("two").to_json())
    assert list(read(tmp_path)) == ["two"]


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    planted = tmp_path / "elsewhere"
    planted.write_text(entry("one").to_json())
    folder = tmp_path / "sessions"
    folder.mkdir()
    (folder / "one.json").symlink_to(planted)
    assert read(folder) == {}


def test_no_journal_has_no_entries(tmp_path: Path) -> None:
    assert list(stored_entries(tmp_path / "missing")) == []


def test_what_is_too_old_is_removed_with_a_word_and_the_rest_stays(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    gone = replace(this_process(), started="another-boot/1")
    for key, age, process in [
        ("old", KEPT_SECONDS + 60, gone),
        ("elsewhere", KEPT_SECONDS + 60, replace(gone, host="another")),
        ("long-call", KEPT_SECONDS + 60, this_process()),
        ("young", 60, gone),
    ]:
        text = entry(key, created_at=time.time() - age, process=process, session_id=key).to_json()
        (tmp_path / f"{key}.json").write_text(text)
    (tmp_path / "9-dead.alive").touch()
    (tmp_path / ".draft").touch()
    os.utime(tmp_path / ".draft", (0, 0))
    (tmp_path / "broken.json").touch()
    os.utime(tmp_path / "broken.json", (0, 0))

    sweep(tmp_path)
    assert names(tmp_path) == ["long-call.json", "young.json"]
    told = {getattr(each, "session_id", None) for each in caplog.records}
    assert told == {"old", "elsewhere", None}


async def test_the_first_intent_of_a_process_sweeps(tmp_path: Path) -> None:
    gone = replace(this_process(), started="another-boot/1")
    old = tmp_path / "old.json"
    old.write_text(entry("old", created_at=0.0, process=gone).to_json())
    written = Journal(tmp_path)
    await written.intend(entry("one"))
    await written.settle()
    assert list(read(tmp_path)) == ["one"]
