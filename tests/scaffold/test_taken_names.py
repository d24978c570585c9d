"""Names that somebody has: no new provider is written under one of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from avatar_core.contract.errors import ConfigurationError
from avatar_core.scaffold.names import provider_names
from avatar_core.scaffold.taken import refuse_taken_name
from tests.discovery.installed import Site
from tests.scaffold.command import everything, refused


@pytest.mark.parametrize(
    ("name", "owner"),
    [
        ("mock", "avatar-provider-mock, which is installed and brings the provider 'mock'"),
        ("protoface", "avatar-provider-protoface, which is installed"),
        ("livekit", "avatar-provider-livekit, which "),
    ],
)
def test_a_name_of_our_own_providers_is_taken(
    folder: Path, capsys: pytest.CaptureFixture[str], name: str, owner: str
) -> None:
    assert f"the name {name!r} is taken by {owner}" in refused(capsys, name)
    assert everything(folder) == []


@pytest.mark.parametrize("name", ["mock", "protoface"])
def test_a_name_of_our_own_providers_is_taken_also_where_they_are_not_installed(name: str) -> None:
    owner = rf"avatar-provider-{name}, which belongs to avatar-core\[{name}\]"
    with pytest.raises(ConfigurationError, match=f"is taken by {owner}"):
        refuse_taken_name(provider_names(name), entry_points=list)


def test_an_installed_provider_has_its_name_in_every_spelling(
    folder: Path, site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    site.provider("my-face", "raise RuntimeError('nobody imports it to tell its name')")
    for name in ("my-face", "my_face"):
        line = refused(capsys, name)
        assert "taken by acme-my-face, which is installed and brings the provider" in line
    assert site.imported() == set()


def test_a_familys_prefix_is_taken(
    folder: Path, site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    site.family("studio", "")
    assert "acme-family-studio, which is installed and brings the family" in (
        refused(capsys, "studio")
    )


def test_an_installed_distribution_of_that_name_is_taken_whatever_it_brings(
    folder: Path, site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    site.install("avatar-provider-face", version="2.1", entry_points={}, modules={})
    assert "taken by avatar-provider-face 2.1, which is installed" in refused(capsys, "face")


def test_a_python_package_of_that_name_is_taken(
    folder: Path, site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    site.install("acme-face", entry_points={}, modules={"avatar_provider_face": ""})
    assert "taken by the Python package 'avatar_provider_face'" in refused(capsys, "face")


@pytest.mark.parametrize("name", ["demo", "verify", "sessions", "new-provider"])
def test_a_name_of_a_command_is_taken(
    name: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert f"`avatar {name}` is another command" in refused(capsys, name)
    assert everything(folder) == []


def test_a_bad_name_is_one_line_and_nothing_is_written(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = refused(capsys, "My Face")
    assert "'My Face' cannot be a provider's name: it must be in lower case" in line
    assert everything(folder) == []
