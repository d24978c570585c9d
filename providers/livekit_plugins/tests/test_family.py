"""What is listed, imported and checked of LiveKit's plugins, without a call."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from avatar_core import AvatarSession, ConfigurationError, ProviderLoadError, ProviderNotFoundError
from avatar_core.discovery.registry import ProviderRegistry
from avatar_provider_livekit import livekit_internals
from avatar_provider_livekit.installed_plugins import PLUGIN_GROUP
from avatar_provider_livekit.known_plugins import KNOWN_PLUGINS

DRIVEN = (
    *("anam", "avatartalk", "bey", "did", "keyframe", "lemonslice", "liveavatar", "runway"),
    *("simli", "spatius", "tavus"),
)


def test_listing_imports_no_plugin_and_says_what_to_install() -> None:
    program = (
        "import sys\n"
        "from avatar_provider_livekit.plugin import FAMILY\n"
        "print(*FAMILY.list_providers())\n"
        "print(FAMILY.missing_providers())\n"
        "print([name for name in sys.modules if name.startswith('livekit.plugins.')])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    listed, missing, imported = done.stdout.splitlines()
    assert {f"livekit.{name}" for name in DRIVEN} <= set(listed.split())
    assert "livekit.inference" in listed
    assert "'livekit.bithuman': 'pip install livekit-plugins-bithuman'" in missing
    assert imported == "[]"


def test_one_that_is_not_installed_is_named_with_its_package() -> None:
    with pytest.raises(ProviderNotFoundError, match="pip install livekit-plugins-trugen"):
        AvatarSession("livekit.trugen")
    rows = ProviderRegistry().list_providers(load=True)
    (row,) = [row for row in rows if row.name == "livekit.trugen"]
    assert (row.status, row.error) == ("not installed", "pip install livekit-plugins-trugen")


def test_the_short_name_does_where_nobody_else_has_it() -> None:
    registry = ProviderRegistry()
    assert registry.get("tavus").name == "livekit.tavus"
    assert registry.get("protoface").name == "protoface"


@pytest.mark.parametrize("name", DRIVEN)
def test_options_are_the_plugins_own_and_keys_are_secret(name: str) -> None:
    info = ProviderRegistry().get(f"livekit.{name}").info
    fields = info.options.model_fields

    assert not {"avatar_participant_identity", "conn_options"} & set(fields)
    assert {each.option for each in info.credentials} <= set(fields)
    assert info.avatar_option == KNOWN_PLUGINS[name].avatar_option
    for credential in info.credentials:
        assert "SecretStr" in str(fields[credential.option].annotation)
    assert not info.capabilities.idempotent_start


def test_what_was_not_given_is_not_handed_on() -> None:
    model: Any = ProviderRegistry().get("livekit.tavus").info.options
    options = model.from_mapping("livekit.tavus", {"api_key": "sk-1", "pal_id": None})

    assert options.arguments() == {"api_key": "sk-1", "pal_id": None}
    assert "sk-1" not in repr(options)


def test_a_wrong_option_and_a_missing_key_are_named_with_what_there_is() -> None:
    with pytest.raises(ConfigurationError, match=r"unknown option 'pal'.*pal_id"):
        AvatarSession("livekit.tavus", pal="p-1", api_key="k")
    with pytest.raises(ConfigurationError, match="TAVUS_API_KEY"):
        AvatarSession("livekit.tavus")


def test_an_object_of_another_kind_is_refused_plainly() -> None:
    with pytest.raises(ConfigurationError, match="not .*Path"):
        AvatarSession(Path())  # type: ignore[arg-type]


def test_outside_the_main_thread_the_error_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in [each for each in sys.modules if each.startswith("livekit.plugins.bey")]:
        monkeypatch.delitem(sys.modules, module)
    raised: list[BaseException] = []

    def load() -> None:
        try:
            ProviderRegistry().get("livekit.bey")
        except ProviderLoadError as exc:
            raised.append(exc)

    thread = threading.Thread(target=load)
    thread.start()
    thread.join()
    assert "main thread" in str(raised[0]) and "preload()" in str(raised[0])


def test_a_class_that_a_vendor_registers_is_a_provider(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "acme_livekit.py").write_text(
        "from livekit.agents.voice.avatar import AvatarSession as Base\n"
        "class Face(Base):\n"
        "    def __init__(self, *, colour: str = 'red'): super().__init__()\n"
        "    avatar_identity = 'acme'\n"
    )
    folder = tmp_path / "acme_livekit-1.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-livekit\nVersion: 1\n")
    (folder / "entry_points.txt").write_text(f"[{PLUGIN_GROUP}]\nacme = acme_livekit:Face\n")
    monkeypatch.syspath_prepend(str(tmp_path))

    provider = ProviderRegistry().get("livekit.acme")

    assert list(provider.info.options.model_fields) == ["colour"]
    with pytest.raises(ConfigurationError, match="colour"):
        AvatarSession("livekit.acme", colour=1)


def test_every_private_name_that_is_used_exists() -> None:
    assert livekit_internals.missing_names() == []
    assert livekit_internals.is_tested()
    assert livekit_internals.is_tested(importlib.metadata.version("livekit-agents"))


def test_another_version_is_left_alone_with_one_warning(caplog: pytest.LogCaptureFixture) -> None:
    assert not livekit_internals.is_tested("99.1")
    assert not livekit_internals.is_tested("99.1")
    assert sum("99.1" in record.getMessage() for record in caplog.records) == 1
