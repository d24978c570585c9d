"""``avatar sessions reap`` as an operator and as a script see it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import uuid
from collections.abc import Callable, Iterator

import pytest

from avatar_core.cli.app import run
from avatar_core.contract.errors import ProviderAuthError, ProviderUnavailableError
from avatar_core.discovery import default
from avatar_core.discovery.registry import ProviderRegistry
from avatar_core.livekit_server import LiveKitServer
from avatar_core.operations import account, reaper
from tests.operations.acme import Acme, registered

Reap = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch, livekit_server: LiveKitServer) -> None:
    monkeypatch.setattr(default, "_providers", ProviderRegistry(entry_points=tuple))
    monkeypatch.setattr(reaper, "CONFIRM_SECONDS", 0.1)
    monkeypatch.setenv("COLUMNS", "160")  # a finding on one line
    monkeypatch.setenv("LIVEKIT_URL", livekit_server.url)
    monkeypatch.setenv("LIVEKIT_API_KEY", livekit_server.api_key)
    monkeypatch.setenv("LIVEKIT_API_SECRET", livekit_server.api_secret)


@pytest.fixture
def acme(livekit_server: LiveKitServer) -> Iterator[Acme]:
    """An account with one orphaned session, and one that is nobody's to judge."""
    provider = Acme()
    room = f"room-{uuid.uuid4().hex[:8]}"
    provider.add("orphan", livekit_url=livekit_server.url, room=room, agent_identity="agent-7")
    provider.add("foreign", livekit_url="wss://other.example", room=room)
    with registered(provider):
        yield provider


@pytest.fixture
def reap(capsys: pytest.CaptureFixture[str]) -> Reap:
    def call(*arguments: str) -> tuple[int, str, str]:
        code = run(["sessions", "reap", "--provider", "acme", *arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


@pytest.fixture
def at_a_terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[bytes], None]]:
    """Sit a person at a real terminal, who types what the test says."""
    person, terminal = os.openpty()
    with os.fdopen(terminal) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        yield lambda typed: (os.write(person, typed), None)[1]
    os.close(person)


def test_yes_ends_what_is_orphaned_and_says_why_the_rest_is_left(acme: Acme, reap: Reap) -> None:
    code, out, err = reap("--yes")
    assert (code, err) == (0, "")
    table, _, ended = out.partition("ended ")
    rows = table.splitlines()
    assert rows[0].split() == ["ID", "AGE", "FINDING"]
    assert rows[1].startswith("orphan")
    assert "orphaned: agent agent-7 is not in room" in rows[1]
    assert "unattributed: its room is on another LiveKit server, other.example" in rows[2]
    assert ended.startswith("orphan: agent agent-7 is not in room")
    assert list(acme.live) == ["foreign"]


def test_dry_run_shows_the_same_and_ends_nothing(acme: Acme, reap: Reap) -> None:
    code, out, err = reap("--dry-run")
    assert (code, err) == (0, "")
    assert "orphaned" in out
    assert acme.end_requests == []


def test_json_tells_everything_about_every_session(acme: Acme, reap: Reap) -> None:
    code, out, err = reap("--yes", "--json")
    assert (code, err) == (0, "")
    orphan, foreign = json.loads(out)
    assert (orphan["id"], orphan["verdict"], orphan["ended"], orphan["error"]) == (
        "orphan", "orphaned", True, None,
    )  # fmt: skip
    assert (foreign["id"], foreign["verdict"], foreign["ended"]) == (
        "foreign", "unattributed", False,
    )  # fmt: skip
    assert {"provider", "room", "agent_identity", "age_seconds", "reason"} <= foreign.keys()


@pytest.mark.parametrize(("typed", "ended"), [(b"y\n", True), (b"\n", False), (b"\x04", False)])
def test_it_asks_first(
    acme: Acme, reap: Reap, at_a_terminal: Callable[[bytes], None], typed: bytes, ended: bool
) -> None:
    at_a_terminal(typed)
    code, out, err = reap()
    assert code == 0
    assert "End 1 session? [y/N]" in err
    assert "End 1" not in out
    assert ("orphan" not in acme.live) is ended


def test_with_json_too_who_is_asked_sees_what_is_to_be_ended(
    acme: Acme, reap: Reap, at_a_terminal: Callable[[bytes], None]
) -> None:
    at_a_terminal(b"y\n")
    code, out, err = reap("--json")
    assert code == 0
    assert err.startswith("orphan orphaned: agent agent-7 is not in room")
    assert err.endswith("\nEnd 1 session? [y/N] ")
    assert [row["ended"] for row in json.loads(out)] == [True, False]


def test_after_the_answer_it_looks_again(
    acme: Acme,
    reap: Reap,
    at_a_terminal: Callable[[bytes], None],
) -> None:
    looks: list[None] = []

    def change() -> None:
        looks.append(None)
        if len(looks) == 3:  # two before the question
            acme.add("orphan", ending=True)

    acme.on_list = change
    at_a_terminal(b"y\n")
    code, _, err = reap()
    assert code == 0
    assert "1 session not orphaned any more" in err
    assert acme.end_requests == []


def test_where_nobody_can_be_asked_nothing_is_ended(
    acme: Acme, reap: Reap, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open(os.devnull) as nobody:
        monkeypatch.setattr(sys, "stdin", nobody)
        code, out, err = reap()
    assert code == 1
    assert "orphaned" in out
    assert "nobody is there to be asked: give --yes" in err
    assert acme.end_requests == []


def test_nothing_orphaned_asks_nobody(acme: Acme, reap: Reap) -> None:
    del acme.live["orphan"]
    code, out, err = reap()
    assert code == 0
    assert "foreign" in out
    assert err == "no orphaned session at acme\n"


def test_the_grace_is_the_operators(acme: Acme, reap: Reap) -> None:
    code, out, _ = reap("--yes", "--grace", "7200")
    assert code == 0
    assert "young: its agent may still be joining (grace 7200 s)" in out
    assert acme.end_requests == []


def test_an_end_that_is_not_acknowledged_fails(
    acme: Acme, reap: Reap, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(account, "END_SECONDS", 0.1)
    acme.end_failures = [ProviderUnavailableError("it is down")]
    code, out, err = reap("--yes", "--json")
    assert code == 1
    assert json.loads(out)[0]["error"] == "acme: it is down"
    assert err == "avatar: orphan is not ended: acme: it is down\n"


def test_a_room_that_cannot_be_looked_at_fails_and_ends_nothing(acme: Acme, reap: Reap) -> None:
    code, out, _ = reap(
        "--yes", "--livekit-url", "ws://127.0.0.1:1", "--worker-livekit-url",
        acme.live["orphan"].livekit_url or "",
    )  # fmt: skip
    assert code == 1
    assert "unchecked: no LiveKit server answers at ws://127.0.0.1:1" in out
    assert acme.end_requests == []


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--watch"], 2, "--watch asks nobody: give --yes or --dry-run"),
        (["--watch", "0.1", "--yes"], 2, "Invalid value for '--watch'"),
        (["--grace", "-1"], 2, "Invalid value for '--grace'"),
        (["--livekit-url", "ws://lk.example"], 1, "not encrypted and not on this machine"),
        (["--livekit-api-secret", "x" * 32], 1, "refuses the key"),
    ],
)
def test_what_cannot_be_is_one_plain_line(
    acme: Acme, reap: Reap, arguments: list[str], code: int, words: str
) -> None:
    given, out, err = reap(*arguments)
    assert (given, out) == (code, "")
    assert words in " ".join(err.split())
    assert acme.end_requests == []


def test_a_watch_does_not_go_on_with_a_refused_key(acme: Acme, reap: Reap) -> None:
    acme.list_failure = ProviderAuthError("the key is refused")
    code, _, err = reap("--yes", "--watch", "1")
    assert code == 1
    assert err == "avatar: acme: the key is refused\n"


def watched(acme: Acme, reap: Reap, *arguments: str, lists: int) -> tuple[int, str, str]:
    """Watch until the provider has been asked a number of times, then press Ctrl-C."""
    told: list[None] = []

    def count() -> None:
        told.append(None)
        if len(told) == lists:
            os.kill(os.getpid(), signal.SIGINT)

    acme.on_list = count
    return reap("--watch", "1", *arguments)


def test_a_watch_ends_what_becomes_orphaned_until_ctrl_c(acme: Acme, reap: Reap) -> None:
    code, out, err = watched(acme, reap, "--yes", lists=4)
    assert (code, err) == (0, "stopped\n")
    assert out.count("ended orphan: ") == 1
    assert out.count("foreign unattributed: ") == 1, "it is said once"
    assert list(acme.live) == ["foreign"]


def test_a_watch_outlives_a_provider_that_is_down(acme: Acme, reap: Reap) -> None:
    acme.list_failure = ProviderUnavailableError("it is down")
    code, out, err = watched(acme, reap, "--yes", lists=2)
    assert (code, out) == (0, "")
    assert "avatar: acme: it is down; looking again in 1 s" in err
    assert err.endswith("stopped\n")


def test_a_watch_in_json_is_a_line_for_each_look(acme: Acme, reap: Reap) -> None:
    code, out, _ = watched(acme, reap, "--dry-run", "--json", lists=4)
    assert code == 0
    looks = [json.loads(line) for line in out.splitlines()]
    assert [each["verdict"] for each in looks[0]["sessions"]] == ["orphaned", "unattributed"]
    assert acme.end_requests == []


def test_ctrl_c_lets_an_end_that_is_under_way_be_acknowledged(acme: Acme, reap: Reap) -> None:
    async def interrupt() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.sleep(0.3)

    acme.on_end = interrupt
    code, out, err = reap("--watch", "1", "--yes")
    assert (code, err) == (0, "stopped\n")
    assert "ended orphan: " in out
    assert acme.ended == ["orphan"]
