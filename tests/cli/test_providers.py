"""``avatar providers`` as a user and as a script see it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from avatar_core.cli.app import run
from avatar_core.discovery import default
from avatar_core.discovery.registry import ProviderRegistry
from tests.discovery.installed import Site, installed_site, provider_source

RICH = (
    "from typing import Annotated, Literal\n"
    "from pydantic import Field, SecretStr\n"
    "from avatar_core.contract.models import AudioFormat, Capabilities, Credential\n"
    "from avatar_core.contract.options import Env\n"
    + provider_source(
        "face",
        options="""
    api_key: Annotated[SecretStr, Env("ACME_KEY")] = Field(description="Key of the account.")
    face: str = Field("stock", min_length=1, description="Avatar to show.")
    mode: Literal["calm", "lively"] | None = None
    rate: Annotated[int | None, Env("ACME_RATE")] = Field(None, ge=1, le=60)
    layers: tuple[str, ...] = Field(default_factory=tuple)
    spare_key: SecretStr = SecretStr("sk-default")
""",
        info=(
            ", avatar_option='face', docs='docs.example/face'"
            ", credentials=(Credential(option='api_key', variable='ACME_KEY',"
            " description='From the console.'),)"
            ", audio=AudioFormat(sample_rate=16000)"
            ", capabilities=Capabilities(idempotent_start=True, concurrent_sessions=3)"
            ", tokens='many', token_roles=('avatar', 'control')"
        ),
    )
)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    yield from installed_site(tmp_path / "site", monkeypatch)


@pytest.fixture(autouse=True)
def _registry(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process's registry, with what the test installed and nothing else."""
    monkeypatch.setattr(default, "_providers", ProviderRegistry(entry_points=site.entry_points))


Avatar = Callable[..., tuple[int, str, str]]


@pytest.fixture
def avatar(capsys: pytest.CaptureFixture[str]) -> Avatar:
    def call(*arguments: str) -> tuple[int, str, str]:
        code = run(list(arguments))
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def lines(output: str) -> list[list[str]]:
    return [line.split() for line in output.splitlines()]


# --- the list -------------------------------------------------------------------------------------


def test_the_list_imports_nothing(site: Site, avatar: Avatar) -> None:
    site.provider("good")
    site.provider("raising", "raise RuntimeError")
    code, out, err = avatar("providers")
    assert lines(out) == [
        ["NAME", "STATUS", "PACKAGE"],
        ["good", "available", "acme-good", "1.0"],
        ["raising", "available", "acme-raising", "1.0"],
    ]
    assert (code, err) == (0, "")
    assert site.imported() == set()


def test_check_shows_a_broken_one_with_its_reason_and_fails(site: Site, avatar: Avatar) -> None:
    site.provider("good")
    site.provider("raising", "raise RuntimeError('sk-secret')")
    code, out, err = avatar("providers", "--check")
    assert lines(out)[1:] == [
        ["good", "loaded", "acme-good", "1.0"],
        ["raising", "broken", "acme-raising", "1.0"],
    ]
    assert err.startswith("raising: importing 'acme_raising' raised RuntimeError (acme_raising,")
    assert "sk-secret" not in out + err
    assert code == 1


def test_check_passes_where_all_is_well_or_blocked_on_purpose(
    site: Site, avatar: Avatar, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.provider("good")
    site.provider("raising", "raise RuntimeError")
    monkeypatch.setenv("AVATAR_BLOCKED_PROVIDERS", "raising")
    code, out, err = avatar("providers", "--check")
    assert code == 0
    assert lines(out)[2] == ["raising", "blocked", "acme-raising", "1.0"]
    assert err == "raising: AVATAR_BLOCKED_PROVIDERS blocks 'raising'\n"


def test_a_duplicate_is_two_lines_and_one_reason(site: Site, avatar: Avatar) -> None:
    site.provider("good")
    site.install(
        "other-good",
        entry_points={"avatar_core.providers": {"good": "other_good"}},
        modules={"other_good": ""},
    )
    code, out, err = avatar("providers", "--check")
    assert [row[2] for row in lines(out)[1:]] == ["acme-good", "other-good"]
    assert err.count("\n") == 1
    assert "acme-good and other-good" in err
    assert code == 1


def test_nothing_installed_says_what_to_install(avatar: Avatar) -> None:
    assert avatar("providers") == (
        0,
        "",
        'no avatar provider is installed; try: pip install "avatar-core[mock]"\n',
    )
    assert json.loads(avatar("providers", "--json")[1]) == []


def test_json_is_an_array_with_the_promised_keys(site: Site, avatar: Avatar) -> None:
    site.provider("good")
    site.provider("raising", "raise RuntimeError")
    code, out, err = avatar("providers", "--json", "--check")
    good, raising = json.loads(out)
    promised = {"name", "distribution", "version", "status", "hooks", "error"}
    assert promised <= good.keys()
    assert {key: good[key] for key in promised} == {
        "name": "good",
        "distribution": "acme-good",
        "version": "1.0",
        "status": "loaded",
        "hooks": ["describe_provider", "start_session", "end_session"],
        "error": None,
    }
    assert (raising["status"], raising["hooks"]) == ("broken", [])
    assert "raised RuntimeError" in raising["error"]
    assert (code, err) == (1, "")


# --- one provider ---------------------------------------------------------------------------------


def test_one_provider_is_explained(
    site: Site, avatar: Avatar, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.provider("face", RICH)
    monkeypatch.setenv("ACME_KEY", "sk-secret")
    code, out, err = avatar("providers", "face")
    assert (code, err) == (0, "")
    told = [" ".join(line.split()) for line in out.splitlines()]
    for line in (
        "face - The face provider",
        "package acme-face 1.0",
        "choose it AvatarSession('face/FACE') or AVATAR_PROVIDER=face/FACE",
        "tokens 2 (avatar, control)",
        "audio s16le mono, 16000 Hz",
        "hooks describe_provider, start_session, end_session",
        "docs docs.example/face",
        "size whole number; default 512",
        "api_key secret; required; env ACME_KEY. Key of the account.",
        "face text, length at least 1; default stock. Avatar to show.",
        "mode calm | lively; optional",
        "rate whole number, at least 1, at most 60; optional; env ACME_RATE",
        "layers tuple[text, ...]; default computed",
        "spare_key secret; optional",
        "ACME_KEY set; or option api_key. From the console.",
    ):
        assert line in told
    assert "sk-" not in out


def test_a_credential_that_is_missing_is_said_to_be(site: Site, avatar: Avatar) -> None:
    site.provider("face", RICH)
    assert "ACME_KEY  not set; or option api_key" in avatar("providers", "face")[1]


def test_one_provider_as_json_has_the_same_keys_and_more(site: Site, avatar: Avatar) -> None:
    site.provider("face", RICH)
    (one,) = json.loads(avatar("providers", "face", "--json")[1])
    assert one["status"] == "loaded"
    assert one["avatar_option"] == "face"
    assert one["credentials"][0]["set"] is False
    assert one["token_roles"] == ["avatar", "control"]
    assert one["capabilities"]["concurrent_sessions"] == 3
    by_name: dict[str, Any] = {option["name"]: option for option in one["options"]}
    assert by_name["api_key"]["required"] is True
    assert by_name["rate"]["variable"] == "ACME_RATE"
    assert by_name["size"]["default"] == "512"
    assert by_name["spare_key"]["default"] is None


def test_a_broken_or_unknown_name_is_one_plain_line(site: Site, avatar: Avatar) -> None:
    site.provider("good")
    site.provider("raising", "raise RuntimeError")
    for name, words in (("raising", "cannot be used"), ("godo", "did you mean 'good'?")):
        code, out, err = avatar("providers", name)
        assert (code, out) == (1, "")
        assert words in err
        assert err.count("\n") == 1
    assert "is a family" in avatar("providers", "livekit.*")[2]


# --- where it is read -----------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [(), ("--check",), ("face",)])
def test_sixty_columns_are_enough(
    site: Site, avatar: Avatar, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    site.provider("face", RICH)
    site.provider("with-a-rather-long-name", "raise RuntimeError")
    monkeypatch.setenv("COLUMNS", "60")
    out = avatar("providers", *arguments)[1]
    assert max(map(len, out.splitlines())) <= 60
    assert "..." not in out.replace("tuple[text, ...]", "")
    assert "\u2026" not in out


def test_a_pipe_gets_one_line_for_each_provider_and_no_colour(
    site: Site, avatar: Avatar, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)  # set by pytest-xdist, and a wish if set
    name = "x" * 120
    site.provider(name)
    out = avatar("providers")[1]
    assert lines(out)[1] == [name, "available", f"acme-{name}", "1.0"]
    assert "\x1b" not in out


def test_what_a_provider_writes_cannot_drive_the_terminal(site: Site, avatar: Avatar) -> None:
    title = "title='[red]\\x1b[2J\\nface'"
    site.provider("odd", provider_source("odd").replace('title="The odd provider"', title))
    out = avatar("providers", "odd")[1]
    assert "odd - [red]?[2J face" in out
    assert "\x1b" not in out
