"""``avatar sessions reap`` on the host whose agents were killed."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from avatar_core.cli.app import run
from avatar_core.contract.errors import ProviderUnavailableError
from avatar_core.discovery import default
from avatar_core.discovery.registry import ProviderRegistry
from avatar_core.livekit_server import LiveKitServer
from avatar_core.operations import account, reaper
from avatar_core.session.journal_entry import JournalEntry, journal_folder
from avatar_core.session.process_identity import this_process
from tests.operations.acme import Acme, RecoveringAcme, registered

Reap = Callable[..., tuple[int, str, str]]
DEAD = replace(this_process(), pid=2**22 + 1)


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch, livekit_server: LiveKitServer) -> None:
    monkeypatch.setattr(default, "_providers", ProviderRegistry(entry_points=tuple))
    monkeypatch.setattr(reaper, "CONFIRM_SECONDS", 0.1)
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setenv("LIVEKIT_URL", livekit_server.url)
    monkeypatch.setenv("LIVEKIT_API_KEY", livekit_server.api_key)
    monkeypatch.setenv("LIVEKIT_API_SECRET", livekit_server.api_secret)


@pytest.fixture
def folder() -> Path:
    found = journal_folder()
    assert found is not None
    found.mkdir(parents=True)
    return found


@pytest.fixture
def acme(livekit_server: LiveKitServer, folder: Path) -> Iterator[Acme]:
    """An account with two young sessions: one of a killed agent, one that is in use."""
    provider = RecoveringAcme()
    for name in ("left", "used"):
        provider.add(
            name, age=1.0, livekit_url=livekit_server.url, room=f"room-{name}",
            agent_identity="agent-7",
        )  # fmt: skip
    write(folder, "left", process=DEAD)
    write(folder, "used", process=this_process())
    with registered(provider):
        yield provider


@pytest.fixture
def reap(capsys: pytest.CaptureFixture[str]) -> Reap:
    def call(*arguments: str) -> tuple[int, str, str]:
        code = run(["sessions", "reap", "--provider", "acme", *arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def write(folder: Path, key: str, **facts: Any) -> None:
    given: dict[str, Any] = {
        "provider": "acme", "session_id": key, "livekit_url": "wss://livekit.example",
        "room": f"room-{key}", "agent_identity": "agent-7", "avatar_identity": "face",
        "created_at": time.time() - 5, **facts,
    }  # fmt: skip
    entry = JournalEntry(idempotency_key=f"key-{key}", **given)
    (folder / f"key-{key}.json").write_text(entry.to_json())


def test_what_a_killed_agent_left_is_ended_however_young_it_is_and_shown_once(
    acme: Acme, reap: Reap, folder: Path
) -> None:
    code, out, err = reap("--yes")
    assert (code, err) == (0, "")
    table, _, ended = out.partition("ended ")
    assert [line.split()[0] for line in table.splitlines()] == ["ID", "left", "used"]
    assert f"orphaned: its agent's process {DEAD.pid} on this host is gone" in table
    assert "young: its agent may still be joining" in table
    assert ended.startswith("left: its agent's process")
    assert list(acme.live) == ["used"]
    assert [each.name for each in folder.glob("*.json")] == ["key-used.json"]
    assert reap("--yes", "--local") == (0, "", "no orphaned session at acme\n")


def test_dry_run_and_nobody_to_ask_end_nothing(acme: Acme, reap: Reap, folder: Path) -> None:
    code, out, _ = reap("--dry-run")
    assert code == 0
    assert "orphaned: its agent's process" in out
    code, _, err = reap("--local")
    assert code == 1
    assert "nobody is there to be asked: give --yes" in err
    assert sorted(acme.live) == ["left", "used"]
    assert len(list(folder.glob("*.json"))) == 2


def test_a_person_is_asked_before_it_is_ended(
    acme: Acme, reap: Reap, monkeypatch: pytest.MonkeyPatch
) -> None:
    person, terminal = os.openpty()
    with os.fdopen(terminal) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        os.write(person, b"y\n")
        code, out, err = reap()
    os.close(person)
    assert (code, err) == (0, "End 1 session? [y/N] ")
    assert "ended left: " in out
    assert list(acme.live) == ["used"]


def test_json_says_where_it_is_known_from(acme: Acme, reap: Reap, folder: Path) -> None:
    write(folder, "lost", session_id=None, process=DEAD)
    code, out, err = reap("--yes", "--json")
    assert (code, err) == (1, ""), "nobody knows yet whether a session comes of the third start"
    rows = {each["room"]: each for each in json.loads(out)}
    told = {
        room: (each["id"], each["source"], each["verdict"], each["ended"])
        for room, each in rows.items()
    }
    assert told == {
        "room-left": ("left", "journal", "orphaned", True),
        "room-lost": (None, "journal", "unchecked", False),
        "room-used": ("used", "provider", "young", False),
    }


def test_local_needs_no_server_and_no_provider_that_lists_sessions(
    acme: Acme, reap: Reap, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LIVEKIT_URL", "LIVEKIT_API_KEY", "LIVEKIT_API_SECRET"):
        monkeypatch.delenv(name)
    acme.list_failure = ProviderUnavailableError("down")
    code, out, err = reap("--yes", "--local")
    assert (code, err) == (0, "")
    assert "ended left" in out


def test_what_was_ended_is_told_also_when_the_rooms_cannot_be_looked_into(
    acme: Acme, reap: Reap
) -> None:
    acme.list_failure = ProviderUnavailableError("down")
    code, out, err = reap("--yes")
    assert code != 0
    assert "ended left" in out
    assert "down" in err
    assert list(acme.live) == ["used"]


def test_an_end_that_is_not_acknowledged_is_an_error_and_stays_in_the_journal(
    acme: Acme, reap: Reap, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(account, "END_SECONDS", 0.2)
    acme.end_failures = [ProviderUnavailableError("down")]
    code, _, err = reap("--yes", "--local")
    assert code == 1
    assert "left is not ended" in err
    assert len(list(folder.glob("*.json"))) == 2
