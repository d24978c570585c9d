from __future__ import annotations

import subprocess
import sys
import threading
import types

import pytest

from avatar_core.contract.errors import ProviderLoadError, ProviderNotFoundError
from avatar_core.discovery.entry_points import PROVIDER_GROUP
from avatar_core.discovery.loaded import ProviderListing, Status
from avatar_core.discovery.registry import ProviderRegistry
from tests.discovery.installed import Site, provider_source


def plugin_object(name: str) -> types.ModuleType:
    """A provider inside an application: never installed, just there."""
    module = types.ModuleType(f"application_{name}")
    exec(provider_source(name), module.__dict__)
    return module


def by_name(registry: ProviderRegistry, *, load: bool) -> dict[str, ProviderListing]:
    return {row.name: row for row in registry.list_providers(load=load)}


@pytest.fixture
def zoo(site: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    """Everything that can be wrong, installed at once beside one provider that works."""
    site.provider("good")
    site.provider("raising", "raise RuntimeError('sk-secret')")
    site.provider("exiting", "import sys; sys.exit(1)")
    site.provider("blocked", "raise AssertionError('blocked code must not run')")
    site.provider("misnamed", provider_source("good"))
    site.provider("future", info=", contract_version=99")
    site.provider("twice")
    site.install(
        "other-twice",
        version="2.0",
        entry_points={PROVIDER_GROUP: {"twice": "other_twice"}},
        modules={"other_twice": "raise AssertionError('a duplicate must not be imported')"},
    )
    monkeypatch.setenv("AVATAR_BLOCKED_PROVIDERS", " blocked , nobody")
    return site


ZOO: dict[str, Status] = {
    "good": "loaded",
    "raising": "broken",
    "exiting": "broken",
    "blocked": "blocked",
    "misnamed": "broken",
    "future": "broken",
    "twice": "duplicate",
}


def test_one_good_provider_works_beside_every_kind_of_bad_one(
    zoo: Site, registry: ProviderRegistry
) -> None:
    assert {name: row.status for name, row in by_name(registry, load=True).items()} == ZOO
    assert registry.get("good").caller("start_session")(request=None) == "started by good"


def test_a_bad_provider_explains_itself_in_the_listing_and_when_asked_for(
    zoo: Site, registry: ProviderRegistry
) -> None:
    rows = by_name(registry, load=True)
    for name, status in ZOO.items():
        if status == "loaded":
            continue
        with pytest.raises(ProviderLoadError) as caught:
            registry.get(name)
        assert caught.value.reason == rows[name].error
        assert "sk-secret" not in str(caught.value)


def test_the_order_of_asking_does_not_matter(zoo: Site, registry: ProviderRegistry) -> None:
    for name in ("raising", "exiting", "misnamed", "future", "twice", "blocked"):
        with pytest.raises(ProviderLoadError):
            registry.get(name)
    assert registry.get("good").name == "good"


def test_asking_for_one_imports_no_other(zoo: Site, registry: ProviderRegistry) -> None:
    registry.get("good")
    assert zoo.imported() == {"acme_good"}


def test_listing_without_loading_imports_nothing(zoo: Site, registry: ProviderRegistry) -> None:
    rows = by_name(registry, load=False)
    assert zoo.imported() == set()
    assert {row.status for row in rows.values()} == {"available", "blocked", "duplicate"}
    assert (rows["good"].distribution, rows["good"].version) == ("acme-good", "1.0")
    assert (rows["good"].title, rows["good"].hooks, rows["good"].error) == (None, (), None)


def test_a_loaded_provider_is_listed_with_title_and_hooks(
    site: Site, registry: ProviderRegistry
) -> None:
    site.provider("good")
    registry.get("good")
    (row,) = registry.list_providers()
    assert (row.status, row.title) == ("loaded", "The good provider")
    assert row.hooks == ("describe_provider", "start_session", "end_session")
    assert row.origin == "entry point"


def test_two_distributions_claiming_a_name_are_both_named(
    zoo: Site, registry: ProviderRegistry
) -> None:
    with pytest.raises(ProviderLoadError, match="acme-twice and other-twice; uninstall all but"):
        registry.get("twice")
    rows = [row for row in registry.list_providers() if row.name == "twice"]
    assert [row.distribution for row in rows] == ["acme-twice", "other-twice"]


def test_blocking_works_by_name_before_import_and_also_after_loading(
    site: Site, registry: ProviderRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.provider("good")
    monkeypatch.setenv("AVATAR_BLOCKED_PROVIDERS", "good")
    with pytest.raises(ProviderLoadError, match="AVATAR_BLOCKED_PROVIDERS blocks 'good'"):
        registry.get("good")
    assert site.imported() == set()
    monkeypatch.delenv("AVATAR_BLOCKED_PROVIDERS")
    registry.get("good")
    monkeypatch.setenv("AVATAR_BLOCKED_PROVIDERS", "good")
    with pytest.raises(ProviderLoadError, match="blocks"):
        registry.get("good")
    assert by_name(registry, load=False)["good"].status == "blocked"


@pytest.mark.parametrize("slip", ["god", "GOOD", "goood"])
def test_an_unknown_name_gets_the_one_that_was_meant(
    site: Site, registry: ProviderRegistry, slip: str
) -> None:
    site.provider("good")
    with pytest.raises(ProviderNotFoundError, match="did you mean 'good'") as caught:
        registry.get(slip)
    assert caught.value.installed == ("good",)
    assert site.imported() == set()


def test_an_unknown_name_of_ours_says_which_extra_brings_it(registry: ProviderRegistry) -> None:
    with pytest.raises(ProviderNotFoundError) as caught:
        registry.get("mock")
    assert 'pip install "avatar-core[mock]"' in str(caught.value)


def test_a_failed_load_is_remembered_until_refresh(site: Site, registry: ProviderRegistry) -> None:
    ran = str(site.folder / "ran")
    site.provider("flaky", f"with open({ran!r}, 'a') as f: f.write('x')\nraise RuntimeError\n")
    path = site.folder / "acme_flaky.py"
    for _ in range(3):
        with pytest.raises(ProviderLoadError, match="raised RuntimeError"):
            registry.get("flaky")
    assert (site.folder / "ran").read_text(encoding="utf-8") == "x"
    assert by_name(registry, load=False)["flaky"].status == "broken"

    path.write_text(provider_source("flaky") + "# repaired\n", encoding="utf-8")
    with pytest.raises(ProviderLoadError):
        registry.get("flaky")
    registry.refresh()
    assert registry.get("flaky").name == "flaky"
    assert by_name(registry, load=False)["flaky"].status == "loaded"


def test_the_first_failure_keeps_its_cause_for_the_log(
    site: Site, registry: ProviderRegistry
) -> None:
    site.provider("raising", "raise RuntimeError('why')")
    with pytest.raises(ProviderLoadError) as caught:
        registry.get("raising")
    assert isinstance(caught.value.__cause__, RuntimeError)


def test_what_is_installed_while_the_process_runs_is_found(
    site: Site, registry: ProviderRegistry
) -> None:
    with pytest.raises(ProviderNotFoundError):
        registry.get("late")
    site.provider("late")
    assert registry.get("late").name == "late"


# --- calling one provider -------------------------------------------------------------------------


def test_only_the_chosen_provider_answers_whichever_was_loaded_last(
    site: Site, registry: ProviderRegistry
) -> None:
    site.provider("first")
    site.provider("second")
    first = registry.get("first")
    start = first.caller("start_session")
    registry.get("second")  # after the caller was made: it must not slip in either
    assert start(request=None) == "started by first"


def test_a_session_can_still_be_ended_after_its_provider_was_unregistered(
    registry: ProviderRegistry,
) -> None:
    provider = registry.register(plugin_object("own"))
    registry.unregister("own")
    assert provider.caller("end_session")(request=None) == "ended by own"


def test_hooks_that_a_provider_lacks_answer_none_and_unknown_ones_are_a_mistake(
    site: Site, registry: ProviderRegistry
) -> None:
    site.provider("good")
    provider = registry.get("good")
    assert provider.implements("start_session")
    assert not provider.implements("prewarm")
    assert provider.caller("prewarm")(request=None) is None
    for asked in (provider.implements, provider.caller):
        with pytest.raises(ValueError, match="no hook named 'prewram'"):
            asked("prewram")


def test_a_loaded_provider_prints_neither_plugin_nor_options(
    site: Site, registry: ProviderRegistry
) -> None:
    site.provider("good")
    assert repr(registry.get("good")) == (
        "LoadedProvider(name='good', distribution='acme-good', version='1.0', origin='entry point')"
    )


# --- registered in code ---------------------------------------------------------------------------


def test_a_provider_inside_an_application_is_found_like_an_installed_one(
    registry: ProviderRegistry,
) -> None:
    registry.register(plugin_object("own"))
    assert registry.get("own").caller("start_session")(request=None) == "started by own"
    (row,) = registry.list_providers()
    assert (row.name, row.origin, row.status) == ("own", "registered", "loaded")
    assert row.distribution is None


def test_the_same_object_again_changes_nothing_and_another_is_refused(
    registry: ProviderRegistry,
) -> None:
    plugin = plugin_object("own")
    first = registry.register(plugin)
    assert registry.register(plugin) is first
    with pytest.raises(ProviderLoadError, match="taken by an earlier register_provider"):
        registry.register(plugin_object("own"))
    assert registry.get("own") is first


def test_an_installed_name_is_taken_over_only_on_purpose_and_given_back(
    site: Site, registry: ProviderRegistry
) -> None:
    site.provider("good")
    with pytest.raises(ProviderLoadError, match="the name is taken by acme-good"):
        registry.register(plugin_object("good"))
    mine = registry.register(plugin_object("good"), replace=True)
    assert registry.get("good") is mine
    assert [row.origin for row in registry.list_providers()] == ["registered"]
    registry.unregister("good")
    assert registry.get("good").distribution == "acme-good"


def test_a_broken_one_is_refused_and_leaves_nothing_behind(registry: ProviderRegistry) -> None:
    with pytest.raises(ProviderLoadError, match="required hooks are missing"):
        registry.register(types.ModuleType("empty"), name="empty")
    with pytest.raises(ProviderLoadError, match="calls itself 'own'"):
        registry.register(plugin_object("own"), name="other")
    with pytest.raises(ProviderLoadError, match="is the class"):
        registry.register(type("Plugin", (), {}))
    assert registry.list_providers() == ()


def test_a_registered_provider_repairs_a_name_that_failed(
    site: Site, registry: ProviderRegistry
) -> None:
    site.provider("raising", "raise RuntimeError")
    with pytest.raises(ProviderLoadError):
        registry.get("raising")
    registry.register(plugin_object("raising"), replace=True)
    assert registry.get("raising").origin == "registered"


def test_only_what_was_registered_can_be_unregistered(
    site: Site, registry: ProviderRegistry
) -> None:
    site.provider("good")
    registry.get("good")
    for name in ("good", "nobody"):
        with pytest.raises(ProviderNotFoundError, match="only what register_provider added"):
            registry.unregister(name)
    assert registry.get("good").name == "good"


def test_a_registered_provider_can_be_blocked_too(
    registry: ProviderRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AVATAR_BLOCKED_PROVIDERS", "own")
    registry.register(plugin_object("own"))
    with pytest.raises(ProviderLoadError, match="blocks 'own'"):
        registry.get("own")


# --- threads --------------------------------------------------------------------------------------


def test_threads_that_ask_at_once_get_one_and_the_same(
    site: Site, registry: ProviderRegistry
) -> None:
    site.provider("good")
    together = threading.Barrier(8)
    got: list[object] = []

    def ask() -> None:
        together.wait()
        got.append(registry.get("good"))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(got) == 8
    assert len(set(map(id, got))) == 1


def test_a_module_that_uses_the_registry_from_another_thread_while_imported_locks_nothing_up(
    site: Site, registry: ProviderRegistry
) -> None:
    """With a lock held over imports, both threads would wait for each other for ever."""
    reached = threading.Event()
    sys.modules["acme_bridge"] = bridge = types.ModuleType("acme_bridge")
    bridge.__dict__.update(registry=registry, reached=reached, plugin=plugin_object("own"))
    try:
        source = (
            "import threading, acme_bridge\n"
            "def use():\n"
            "    acme_bridge.registry.register(acme_bridge.plugin)\n"
            "    acme_bridge.reached.set()\n"
            "thread = threading.Thread(target=use)\n"
            "thread.start()\n"
            "thread.join(20)\n"
        )
        site.provider("nosy", source + provider_source("nosy"))
        assert registry.get("nosy").name == "nosy"
        assert reached.is_set()
    finally:
        del sys.modules["acme_bridge"]


def test_discovery_imports_neither_livekit_nor_aiohttp_nor_a_provider() -> None:
    code = (
        "import sys\n"
        "from avatar_core.discovery import default, selection\n"
        "default.list_providers()\n"
        "heavy = {'livekit', 'aiohttp', 'avatar_provider_mock'}\n"
        "print(sorted(heavy & {name.partition('.')[0] for name in sys.modules}))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")
