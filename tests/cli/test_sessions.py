"""``avatar sessions`` and ``avatar sessions end`` as an operator and as a script see them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from avatar_core.calling.provider_call import ProviderCall
from avatar_core.cli.app import run
from avatar_core.contract.errors import (
    ProviderAuthError,
    ProviderInvalidResponseError,
    ProviderUnavailableError,
)
from avatar_core.contract.hookspecs import hookimpl
from avatar_core.discovery import default
from avatar_core.discovery.registry import ProviderRegistry
from avatar_core.operations import account
from tests.operations.acme import Acme, registered

Avatar = Callable[..., tuple[int, str, str]]
IN_ROOM: dict[str, Any] = {
    "room": "blue-room",
    "livekit_url": "wss://lk.example",
    "agent_identity": "agent-7",
}


@pytest.fixture(autouse=True)
def _nothing_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(default, "_providers", ProviderRegistry(entry_points=tuple))


@pytest.fixture
def acme() -> Iterator[Acme]:
    provider = Acme()
    with registered(provider):
        yield provider


@pytest.fixture
def avatar(capsys: pytest.CaptureFixture[str]) -> Avatar:
    def call(*arguments: str) -> tuple[int, str, str]:
        code = run(["sessions", *arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


# --- the list -------------------------------------------------------------------------------------


def test_live_sessions_are_listed_with_what_tells_whose_they_are(
    acme: Acme, avatar: Avatar, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    acme.add("sess_1", age=65, job_id="AJ_5", version="0.1.0", **IN_ROOM)
    acme.add("sess_2", age=None, status="starting")
    code, out, err = avatar("--provider", "acme")
    assert (code, err) == (0, "")
    assert [line.split() for line in out.splitlines()] == [
        ["ID", "STATE", "AGE", "ROOM", "AGENT", "JOB", "VERSION"],
        ["sess_1", "running", "1m05s", "blue-room", "agent-7", "AJ_5", "0.1.0"],
        ["sess_2", "starting", "-", "-", "-", "-", "-"],
    ]


def test_json_is_an_array_with_the_promised_keys(acme: Acme, avatar: Avatar) -> None:
    acme.add(
        "sess_1", age=65, job_id="AJ_5", version="0.1.0", avatar_identity="face",
        metadata={"mine": 1}, **IN_ROOM,
    )  # fmt: skip
    code, out, _ = avatar("--provider", "acme", "--json")
    (row,) = json.loads(out)
    assert code == 0
    assert row.pop("created_at").endswith("Z")
    assert 64 < row.pop("age_seconds") < 70
    assert row == {
        "provider": "acme",
        "id": "sess_1",
        "status": "running",
        "room": "blue-room",
        "livekit_url": "wss://lk.example",
        "agent_identity": "agent-7",
        "avatar_identity": "face",
        "job_id": "AJ_5",
        "version": "0.1.0",
        "ending": False,
        "metadata": {"mine": 1},
    }


def test_no_session_is_no_failure(acme: Acme, avatar: Avatar) -> None:
    assert avatar("--provider", "acme") == (0, "", "no live session at acme\n")
    assert avatar("--provider", "acme", "--json") == (0, "[]\n", "")


def test_a_creation_time_out_of_this_world_is_left_out(acme: Acme, avatar: Avatar) -> None:
    acme.add("sess_1", age=-1e300)
    assert json.loads(avatar("--provider", "acme", "--json")[1])[0]["created_at"] is None


@pytest.mark.parametrize("columns", ["60", "80"])
def test_a_narrow_terminal_loses_no_id(
    acme: Acme, avatar: Avatar, monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    acme.add("sess_01M822FBQZT86GTNRRFNARMBRQ", **{**IN_ROOM, "room": "a-room-" * 8})
    out = avatar("--provider", "acme")[1]
    assert max(map(len, out.splitlines())) <= int(columns)
    assert "\u2026" not in out
    if columns == "80":
        assert "sess_01M822FBQZT86GTNRRFNARMBRQ" in out


def test_what_a_provider_tells_cannot_drive_the_terminal(acme: Acme, avatar: Avatar) -> None:
    acme.add("sess_\x1b[2J1", room="[red]\nroom")
    out = avatar("--provider", "acme")[1]
    assert "\x1b" not in out
    assert "sess_?[2J1" in out
    assert "[red] room" in out


# --- which provider -------------------------------------------------------------------------------


def test_without_a_name_the_environment_chooses(
    acme: Acme, avatar: Avatar, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AVATAR_PROVIDER", "acme?region=far")
    assert avatar()[0] == 0
    assert avatar("--provider", "acme", "--option", "region=near")[0] == 0
    assert avatar("--provider", "acme?region=there")[0] == 0
    assert acme.regions == ["far", "near", "there"]


def test_of_several_providers_one_that_fails_does_not_hide_the_others(
    acme: Acme, avatar: Avatar
) -> None:
    other = Acme("other")
    other.list_failure = ProviderUnavailableError("it is down")
    acme.add("sess_1")
    third = Acme("third")
    third.add("sess_1")
    with registered(other, third):
        code, out, err = avatar("--provider", "other,acme,third,acme?region=x")
    assert code == 1
    assert [line.split()[:2] for line in out.splitlines()[1:]] == [
        ["acme", "sess_1"],
        ["third", "sess_1"],
    ]
    assert err == "avatar: other: it is down\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "no avatar provider is chosen: give --provider NAME, or set AVATAR_PROVIDER"),
        (["--provider", "off"], "--provider is 'off', which is no provider"),
        (["--provider", "nobody"], "no avatar provider named 'nobody'"),
        (["--provider", "acme", "--option", "shape=round"], "unknown option 'shape'"),
        (["--provider", "acme", "--option", "shape"], "--option is not of the form key=value"),
        (["--provider", "acme,acme", "--option", "region=x"], "--option belongs to one provider"),
        (["--provider", "mute"], "provider 'mute' cannot do this: it has no hook list_sessions"),
        (["end", "x", "--provider", "acme,mute"], "ids belong to one provider"),
    ],
)
def test_a_choice_that_cannot_be_is_one_plain_line(
    acme: Acme, avatar: Avatar, arguments: list[str], words: str
) -> None:
    with registered(_mute()):
        code, out, err = avatar(*arguments)
    assert (code, out) == (1, "")
    assert words in err
    assert err.count("\n") == 1
    if "chosen" in words or "off" in words or "mute" in words:
        assert "(providers that can: acme)" in err


def test_options_may_stand_before_the_subcommand(acme: Acme, avatar: Avatar) -> None:
    acme.add("sess_1")
    code, out, err = avatar("--provider", "acme", "--json", "end", "sess_1")
    assert (code, err) == (0, "")
    assert json.loads(out) == [{"provider": "acme", "id": "sess_1", "ended": True, "error": None}]


def _mute() -> Any:
    """A provider with no more hooks than it must have."""

    class Mute:
        name = "mute"
        describe_provider = Acme.describe_provider
        start_session = Acme.start_session
        end_session = Acme.end_session

    return Mute()


def test_an_answer_that_is_no_list_of_sessions_is_the_providers_fault(
    acme: Acme, avatar: Avatar
) -> None:
    acme.answer = ["sess_1"]
    code, _, err = avatar("--provider", "acme")
    assert code == 1
    assert "list_sessions did not return sessions; a defect of the provider" in err


# --- ending ---------------------------------------------------------------------------------------


def test_sessions_are_ended_by_their_ids(acme: Acme, avatar: Avatar) -> None:
    for number in range(3):
        acme.add(f"sess_{number}")
    assert avatar("end", "sess_0", "sess_2", "sess_0", "--provider", "acme") == (
        0,
        "ended sess_0\nended sess_2\n",
        "",
    )
    assert list(acme.live) == ["sess_1"]
    assert {request.reason for request in acme.end_requests} == {"ended by an operator"}


def test_ending_what_has_ended_is_no_error(acme: Acme, avatar: Avatar) -> None:
    acme.add("sess_1")
    for _ in range(2):
        assert avatar("end", "sess_1", "--provider", "acme")[0] == 0


def test_an_unknown_id_is_an_error_and_the_others_are_ended(acme: Acme, avatar: Avatar) -> None:
    acme.add("sess_1")
    code, out, err = avatar("end", "sess_l", "sess_1", "--provider", "acme")
    assert (code, out) == (1, "ended sess_1\n")
    assert err == ("avatar: sess_l is not ended: acme: there is no session sess_l (status 404)\n")
    assert len(acme.end_requests) == 2, "it is not asked for again"


@pytest.mark.parametrize("empty", ["", " "])
def test_an_empty_id_is_a_mistake_and_nothing_is_ended(
    acme: Acme, avatar: Avatar, empty: str
) -> None:
    acme.add("sess_1")
    code, out, err = avatar("end", "sess_1", empty, "--provider", "acme")
    assert (code, out) == (2, "")
    assert "an ID is empty" in err
    assert acme.end_requests == []


def test_an_end_is_asked_for_until_it_is_acknowledged(acme: Acme, avatar: Avatar) -> None:
    acme.add("sess_1")
    acme.end_failures = [
        ProviderUnavailableError("down", retry_after=0.01),
        ProviderInvalidResponseError("a proxy's page"),
    ]
    assert avatar("end", "sess_1", "--provider", "acme") == (0, "ended sess_1\n", "")
    assert len(acme.end_requests) == 3


def test_an_end_that_is_never_acknowledged_is_told_with_its_reason(
    acme: Acme, avatar: Avatar, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(account, "END_SECONDS", 1.0)
    acme.add("sess_1")
    acme.end_failures = [ProviderUnavailableError("it is down", status_code=503)] * 100
    code, out, err = avatar("end", "sess_1", "--provider", "acme", "--json")
    assert code == 1
    assert json.loads(out)[0] == {
        "provider": "acme",
        "id": "sess_1",
        "ended": False,
        "error": "acme: it is down (status 503)",
    }
    assert err == "avatar: sess_1 is not ended: acme: it is down (status 503)\n"
    assert 1 < len(acme.end_requests) < 6


def test_nobody_waits_for_a_retry_that_comes_too_late(acme: Acme, avatar: Avatar) -> None:
    acme.add("sess_1")
    acme.end_failures = [ProviderUnavailableError("down", retry_after=3600)]
    assert avatar("end", "sess_1", "--provider", "acme")[0] == 1


def test_a_refused_key_is_not_tried_again(acme: Acme, avatar: Avatar) -> None:
    acme.add("sess_1")
    acme.end_failures = [ProviderAuthError("the key is refused")]
    code, _, err = avatar("end", "sess_1", "--provider", "acme")
    assert code == 1
    assert "the key is refused" in err
    assert len(acme.end_requests) == 1


def test_extensions_see_what_an_operator_does_and_may_refuse_it(acme: Acme, avatar: Avatar) -> None:
    seen: list[str] = []

    class Audit:
        @hookimpl
        def around_call(self, call: ProviderCall) -> Any:
            return self._around(call)

        @asynccontextmanager
        async def _around(self, call: ProviderCall) -> Any:
            seen.append(call.hook)
            if call.hook == "end_session":
                raise PermissionError("sk-secret")
            yield

    acme.add("sess_1")
    default.register_extension(Audit(), name="audit")
    try:
        assert avatar("--provider", "acme")[0] == 0
        code, _, err = avatar("end", "sess_1", "--provider", "acme")
    finally:
        default.unregister_extension("audit")
    assert seen == ["list_sessions", "end_session"]
    assert code == 1
    assert "an extension failed with PermissionError" in err
    assert "sk-secret" not in err
    assert list(acme.live) == ["sess_1"]
