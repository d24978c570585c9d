from __future__ import annotations

import threading
import types

import pytest

import avatar_core
from avatar_core.contract.errors import ConfigurationError, ProviderLoadError
from avatar_core.discovery import default
from avatar_core.discovery.extensions import ExtensionRegistry
from avatar_core.discovery.registry import ProviderRegistry
from tests.discovery.installed import Site, provider_source
from tests.discovery.test_extensions import extension_object


@pytest.fixture(autouse=True)
def _own_registries(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test registers must not be there for the next; the entry points are the real ones."""
    monkeypatch.setattr(default, "_providers", ProviderRegistry())
    monkeypatch.setattr(default, "_extensions", ExtensionRegistry())


def test_the_public_functions_share_one_registry(site: Site) -> None:
    site.provider("good")
    assert "good" in {row.name for row in avatar_core.list_providers()}
    assert avatar_core.get_provider("good") is default.default_registry().get("good")
    module = types.ModuleType("application")
    exec(provider_source("own"), module.__dict__)
    mine = avatar_core.register_provider(module)
    assert avatar_core.get_provider("own") is mine
    avatar_core.unregister_provider("own")
    assert "own" not in {row.name for row in avatar_core.list_providers()}


def test_a_registered_extension_is_active_until_it_is_unregistered() -> None:
    extension = avatar_core.register_extension(extension_object(), name="mine")
    assert default.active_extensions() == (extension,)
    avatar_core.unregister_extension("mine")
    assert default.active_extensions() == ()


def test_preload_imports_what_the_environment_names_on_this_thread(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("first", "second", "third"):
        site.provider(
            name, "import threading\nTHREAD = threading.get_ident()\n" + provider_source(name)
        )
    monkeypatch.setenv("AVATAR_PROVIDER", "first/ann?size=1,second")
    loaded = avatar_core.preload()
    assert [provider.name for provider in loaded] == ["first", "second"]
    assert site.imported() == {"acme_first", "acme_second"}
    threads = {vars(provider.plugin)["THREAD"] for provider in loaded}
    assert threads == {threading.get_ident()}


@pytest.mark.parametrize("value", [None, "", "off"])
def test_preload_without_a_choice_does_nothing(
    site: Site, monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    site.provider("good")
    if value is not None:
        monkeypatch.setenv("AVATAR_PROVIDER", value)
    assert avatar_core.preload() == ()
    assert site.imported() == set()


def test_preload_tries_all_before_it_raises(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.provider("raising", "raise RuntimeError")
    site.provider("good")
    monkeypatch.setenv("AVATAR_PROVIDER", "raising,good")
    with pytest.raises(ProviderLoadError, match="'raising'"):
        avatar_core.preload()
    assert "acme_good" in site.imported()


def test_preload_refuses_what_it_cannot_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AVATAR_PROVIDER", "good,off")
    with pytest.raises(ConfigurationError, match="AVATAR_PROVIDER: 'off' means no avatar"):
        avatar_core.preload()
