"""``avatar verify protoface``, with the emulator over HTTP in the place of the service."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from avatar_core.discovery.entry_points import PROVIDER_GROUP
from avatar_core.livekit_server import LiveKitServer
from avatar_provider_protoface.emulator.faults import Fault
from avatar_provider_protoface.emulator.in_thread import EmulatorInThread
from avatar_provider_protoface.emulator.settings import DEFAULT_KEY, EmulatorSettings

from .calling_stage import eventually
from .child_commands import ChildCommand, avatar_command

CALLS_SECONDS = 150.0
"""Within which a few clauses are over; generous, for the machine may be busy."""

SETTINGS = EmulatorSettings(starts_per_minute=None, claim_seconds=0.0, size=64, fps=10.0)

STRICT = """
from avatar_core.contract.errors import ProviderRejectedError
from avatar_core.contract.hookspecs import hookimpl
from avatar_provider_protoface import plugin
from avatar_provider_protoface.plugin import *
import dataclasses

ended = set()


@hookimpl
def describe_provider():
    return dataclasses.replace(plugin.describe_provider(), name="strict")


@hookimpl
async def end_session(request):
    "Ending what has ended is an error here, and the contract says that it is not."
    if request.session.session_id in ended:
        raise ProviderRejectedError("it has ended already")
    await plugin.end_session(request)
    ended.add(request.session.session_id)
"""


@pytest.fixture
def emulator() -> Iterator[EmulatorInThread]:
    with EmulatorInThread.start(SETTINGS) as running:
        yield running


def verify(
    emulator: EmulatorInThread,
    server: LiveKitServer,
    *arguments: str,
    provider: str = "protoface/av_stock_001",
    key: str = DEFAULT_KEY,
    path: Path | None = None,
) -> AbstractAsyncContextManager[ChildCommand]:
    """Run the command; what it started is gone afterwards."""
    variables = {
        "LIVEKIT_URL": server.url,
        "LIVEKIT_API_KEY": server.api_key,
        "LIVEKIT_API_SECRET": server.api_secret,
        "PROTOFACE_API_KEY": key,
        "PYTHONPATH": str(path or ""),
    }
    given = ("--option", f"api_url={emulator.url}", *arguments)
    return avatar_command("verify", provider, *given, variables=variables)


async def test_a_good_run_costs_no_more_than_was_said_first_and_leaves_nothing(
    emulator: EmulatorInThread, livekit_server: LiveKitServer, tmp_path: Path
) -> None:
    record = tmp_path / "verified.json"
    record.write_text('{"other": null}', encoding="utf-8")
    clauses = ("starts", "ends", "wrong-key", "two-at-once", "cancelled")
    chosen = [word for clause in clauses for word in ("--only", clause)]
    more = ("--cancellations", "2", "--record", str(record), "--yes", "--json")
    async with verify(emulator, livekit_server, *chosen, "--only", "slow", *more) as command:
        code, out, err = await command.finished(seconds=CALLS_SECONDS)
    assert code == 0, (out, err)

    told = json.loads(out)
    passed = [each["id"] for each in told["clauses"] if each["passed"]]
    assert sorted(passed) == sorted(clauses)
    assert told["left_out"]["slow"].startswith("it takes an API that fails on purpose")
    # One each, none of wrong-key, two of two-at-once, and two that are cancelled.
    assert told["announced"]["sessions"] == 7
    assert {each["id"] for each in told["sessions"]} == {each.id for each in emulator.sessions}
    assert len(emulator.sessions) <= 7
    lines = err.splitlines()
    assert lines[1].startswith("Cost: creates at most 7 sessions, which run for at most")
    assert lines[2].startswith("Length: at most")
    first = min(number for number, line in enumerate(lines) if line.startswith("ok  "))
    assert first > 2

    assert emulator.unended == []
    assert told["living"] == [] and "The vendor lists no living session." in err
    for each in told["sessions"]:
        (session,) = [one for one in emulator.sessions if one.id == each["id"]]
        ran = session.seconds(now=session.ended_at or 0.0)
        # Ours ends with the answer to the end, the emulator's when its avatar has left the room.
        assert each["ended"] and each["seconds"] == pytest.approx(ran, abs=5)
        assert each["billed_seconds"] == int(ran)

    noted = json.loads(record.read_text(encoding="utf-8"))
    assert noted["other"] is None
    assert sorted(noted["protoface"]["passed"]) == sorted(clauses)
    assert noted["protoface"]["failed"] == [] and "slow" in noted["protoface"]["left_out"]
    assert noted["protoface"]["real"] is False  # an emulator proves nothing of the service
    for secret in (DEFAULT_KEY, livekit_server.api_secret):
        assert secret not in out + err + record.read_text(encoding="utf-8")


async def test_nothing_is_asked_of_the_service_before_somebody_agreed(
    emulator: EmulatorInThread, livekit_server: LiveKitServer
) -> None:
    async with verify(emulator, livekit_server) as command:
        code, out, err = await command.finished(seconds=CALLS_SECONDS)
    assert code == 2
    assert re.search(r"^Cost: creates at most \d+ sessions", out, re.MULTILINE)
    assert "nobody is at a terminal to agree; give --yes" in err
    assert emulator.requests == []


async def test_with_a_key_that_is_refused_nothing_is_created(
    emulator: EmulatorInThread, livekit_server: LiveKitServer
) -> None:
    async with verify(emulator, livekit_server, "--yes", key="sk_live_wrong") as command:
        code, out, err = await command.finished(seconds=CALLS_SECONDS)
    assert code == 2, (out, err)
    assert "Check: error: API key and avatar" in out
    assert "set PROTOFACE_API_KEY" in out
    assert "sk_live_wrong" not in out + err
    assert emulator.sessions == []


async def test_a_key_that_may_not_start_anything_stops_the_run_at_once(
    emulator: EmulatorInThread, livekit_server: LiveKitServer
) -> None:
    error = {"type": "authentication", "code": "api_key.unknown", "message": "No such key."}
    emulator.fail_next(Fault(on="create", status=401, body={"error": error}, times=9))
    chosen = ("--only", "starts", "--only", "joins", "--yes")
    async with verify(emulator, livekit_server, *chosen) as command:
        code, out, err = await command.finished(seconds=CALLS_SECONDS)
    assert code == 1, (out, err)
    assert re.search(r"^FAILED  starts .*\n +ProviderAuthError: ", out, re.MULTILINE)
    assert "0 passed, 1 failed, 17 left out, 1 not reached (the key is refused)." in out
    assert emulator.sessions == []


async def test_a_broken_provider_fails_at_the_clause_that_it_breaks_and_is_told_which(
    emulator: EmulatorInThread, livekit_server: LiveKitServer, tmp_path: Path
) -> None:
    (tmp_path / "acme_strict.py").write_text(STRICT, encoding="utf-8")
    info = tmp_path / "acme_strict-1.0.dist-info"
    info.mkdir()
    about = "Metadata-Version: 2.1\nName: acme-strict\nVersion: 1.0\n"
    (info / "METADATA").write_text(about, encoding="utf-8")
    entry = f"[{PROVIDER_GROUP}]\nstrict = acme_strict\n"
    (info / "entry_points.txt").write_text(entry, encoding="utf-8")
    chosen = ("--only", "ends", "--only", "ends-twice", "--yes")
    running = verify(emulator, livekit_server, *chosen, provider="strict", path=tmp_path)
    async with running as command:
        code, out, err = await command.finished(seconds=CALLS_SECONDS)
    assert code == 1, (out, err)
    lines = out.splitlines()
    assert [line.split()[:2] for line in lines if line.startswith(("ok", "FAILED"))] == [
        ["ok", "ends"],
        ["FAILED", "ends-twice"],
    ]
    assert "        ending it again raised ProviderRejectedError" in out
    assert "        See docs/reference/conformance.md#ends-twice" in lines
    assert lines[-1].endswith("Failed: ends-twice.")
    assert len(emulator.sessions) == 2 and emulator.unended == []


async def test_ctrl_c_ends_what_was_started(
    emulator: EmulatorInThread, livekit_server: LiveKitServer
) -> None:
    async with verify(emulator, livekit_server, "--only", "reports", "--yes") as command:
        # The avatar is in the room, and bills.
        await eventually(
            lambda: [each.status for each in emulator.sessions] == ["running"], timeout=60
        )
        command.interrupt()
        code, out, err = await command.finished(seconds=CALLS_SECONDS)
    assert code == 130, (out, err)
    assert emulator.unended == []
    (session,) = emulator.sessions
    assert re.search(rf"^Session {session.id} \(reports\): ran [\d.]+ s", out, re.MULTILINE)
    assert "Clauses: 0 passed, 0 failed, 18 left out, 1 not reached (it was interrupted)." in out
