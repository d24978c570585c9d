"""``avatar providers NAME --check`` as a person and as a script see it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Annotated, Any

import pytest
from pydantic import SecretStr

from avatar_core.cli.app import run
from avatar_core.contract.errors import ProviderUnavailableError
from avatar_core.contract.hookspecs import hookimpl
from avatar_core.contract.models import CheckRequest, Finding, ProviderInfo
from avatar_core.contract.options import Env, ProviderOptions
from avatar_core.discovery import default
from avatar_core.discovery.default import register_provider, unregister_provider
from avatar_core.discovery.registry import ProviderRegistry

Avatar = Callable[..., tuple[int, str, str]]
WELL = Finding(level="ok", message="the key works")
LOW = Finding(level="warning", message="2 credits left", remedy="buy credits")
BAD = Finding(level="error", message="no avatar \x1b[31mav_x", remedy="choose another")


class BellOptions(ProviderOptions):
    key: Annotated[SecretStr, Env("BELL_KEY")]


class Unchecked:
    """A provider without a look at itself."""

    @hookimpl
    def describe_provider(self) -> ProviderInfo:
        return ProviderInfo(name="bell", title="Bell", options=BellOptions)

    @hookimpl
    def start_session(self, request: Any) -> Any:
        raise NotImplementedError

    @hookimpl
    def end_session(self, request: Any) -> None:
        raise NotImplementedError


class Bell(Unchecked):
    """A provider that finds what a test says."""

    def __init__(self) -> None:
        self.finds: Any = [WELL]
        self.keys: list[str] = []

    @hookimpl
    async def check_provider(self, request: CheckRequest) -> Any:
        self.keys.append(request.options.key.get_secret_value())
        if isinstance(self.finds, Exception):
            raise self.finds
        return self.finds


@pytest.fixture(autouse=True)
def _nothing_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(default, "_providers", ProviderRegistry(entry_points=tuple))
    monkeypatch.setenv("BELL_KEY", "sk-bell")


@pytest.fixture
def bell() -> Iterator[Bell]:
    provider = Bell()
    register_provider(provider)
    yield provider
    unregister_provider("bell")


@pytest.fixture
def avatar(capsys: pytest.CaptureFixture[str]) -> Avatar:
    def call(*arguments: str) -> tuple[int, str, str]:
        code = run(["providers", *arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def test_what_a_provider_finds_is_shown_with_what_to_do(bell: Bell, avatar: Avatar) -> None:
    bell.finds = [WELL, LOW]
    code, out, err = avatar("bell", "--check")
    assert (code, err) == (0, "")
    checks = out.partition("\nChecks\n")[2].splitlines()
    assert [" ".join(line.split()) for line in checks] == [
        "ok the key works",
        "warning 2 credits left: buy credits",
    ]
    assert bell.keys == ["sk-bell"]


def test_an_error_that_is_found_is_the_exit_code(bell: Bell, avatar: Avatar) -> None:
    bell.finds = [WELL, BAD]
    code, out, _ = avatar("bell", "--check")
    assert code == 1
    assert "choose another" in out
    assert "\x1b[31m" not in out


def test_json_has_the_findings_beside_all_else(bell: Bell, avatar: Avatar) -> None:
    bell.finds = [LOW]
    code, out, err = avatar("bell", "--check", "--json")
    assert (code, err) == (0, "")
    (told,) = json.loads(out)
    assert told["name"] == "bell"
    assert told["checks"] == [
        {"level": "warning", "message": "2 credits left", "remedy": "buy credits"}
    ]
    (told,) = json.loads(avatar("bell", "--json")[1])
    assert "checks" not in told
    assert len(bell.keys) == 1, "asked only where a check was asked for"


def test_without_its_key_it_is_one_plain_line(
    bell: Bell, avatar: Avatar, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BELL_KEY")
    code, out, err = avatar("bell", "--check")
    assert (code, out) == (1, "")
    assert "option 'key' is required (or set BELL_KEY)" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("finds", "words"),
    [
        (ProviderUnavailableError("it is down"), "bell: it is down"),
        (["fine"], "check_provider did not return findings; a defect of the provider"),
        (None, "check_provider did not return findings; a defect of the provider"),
    ],
    ids=["fails", "rubbish", "nothing"],
)
def test_a_check_that_fails_itself_is_one_plain_line(
    bell: Bell, avatar: Avatar, finds: Any, words: str
) -> None:
    bell.finds = finds
    code, out, err = avatar("bell", "--check")
    assert (code, out) == (1, "")
    assert words in err
    assert err.count("\n") == 1


def test_a_provider_without_checks_of_its_own_is_explained_and_well(avatar: Avatar) -> None:
    register_provider(Unchecked())
    try:
        code, out, err = avatar("bell", "--check")
    finally:
        unregister_provider("bell")
    assert (code, err) == (0, "")
    assert out.endswith("Checks: none of its own\n")
