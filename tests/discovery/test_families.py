from __future__ import annotations

import pytest

from avatar_core.contract.errors import (
    ConfigurationError,
    ProviderLoadError,
    ProviderNotFoundError,
)
from avatar_core.discovery.registry import ProviderRegistry
from avatar_core.discovery.selection import select
from tests.discovery.installed import Site, provider_source

FAMILY = """
import types
from avatar_core.contract.errors import ProviderNotFoundError

SOURCES = {sources!r}


def list_providers():
    return SOURCES.keys()


def make_provider(name):
    if name not in SOURCES:
        raise ProviderNotFoundError(name, installed=SOURCES, hint="install its LiveKit plugin")
    module = types.ModuleType("acme_made")
    exec(SOURCES[name], module.__dict__)
    return module
"""


def family(sources: dict[str, str]) -> str:
    return FAMILY.format(sources=sources)


@pytest.fixture
def kit(site: Site) -> Site:
    site.family(
        "kit",
        family(
            {
                "kit.good": provider_source("kit.good"),
                "kit.misnamed": provider_source("good"),
                "kit.raising": "raise RuntimeError('sk-secret')",
            }
        ),
    )
    return site


def statuses(registry: ProviderRegistry, *, load: bool) -> dict[str, str]:
    return {row.name: row.status for row in registry.list_providers(load=load)}


def test_a_family_makes_the_provider_that_is_asked_for(
    kit: Site, registry: ProviderRegistry
) -> None:
    provider = registry.get("kit.good")
    assert provider.caller("start_session")(request=None) == "started by kit.good"
    assert (provider.origin, provider.distribution) == ("family", "acme-family-kit")
    assert registry.get("kit.good") is provider


def test_a_family_is_one_line_until_it_is_loaded(kit: Site, registry: ProviderRegistry) -> None:
    assert statuses(registry, load=False) == {"kit.*": "available"}
    assert kit.imported() == set()


def test_a_broken_member_harms_no_other(kit: Site, registry: ProviderRegistry) -> None:
    assert statuses(registry, load=True) == {
        "kit.*": "loaded",
        "kit.good": "loaded",
        "kit.misnamed": "broken",
        "kit.raising": "broken",
    }
    with pytest.raises(ProviderLoadError, match="make_provider raised RuntimeError") as caught:
        registry.get("kit.raising")
    assert "sk-secret" not in str(caught.value)


def test_the_family_says_itself_that_it_has_no_such_member(
    kit: Site, registry: ProviderRegistry
) -> None:
    with pytest.raises(ProviderNotFoundError, match="install its LiveKit plugin"):
        registry.get("kit.nobody")
    assert statuses(registry, load=False) == {"kit.*": "loaded"}


def test_a_member_that_is_listed_and_then_denied_is_listed_as_broken(
    site: Site, registry: ProviderRegistry
) -> None:
    source = family({}).replace("SOURCES.keys()", "['kit.ghost']")
    site.family("kit", source)
    assert statuses(registry, load=True) == {"kit.*": "loaded", "kit.ghost": "broken"}


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("raise RuntimeError('sk-secret')", "importing 'acme_family_kit' raised RuntimeError"),
        ("x = 1", "it has no list_providers and make_provider"),
    ],
)
def test_a_broken_family_is_explained_for_itself_and_all_its_members(
    site: Site, registry: ProviderRegistry, source: str, reason: str
) -> None:
    site.provider("good")
    site.family("kit", source)
    rows = {row.name: row for row in registry.list_providers(load=True)}
    assert rows["good"].status == "loaded"
    assert (rows["kit.*"].status, rows["kit.*"].origin) == ("broken", "family")
    assert reason in (rows["kit.*"].error or "")
    for _ in range(2):
        with pytest.raises(ProviderLoadError) as caught:
            registry.get("kit.any")
        assert reason in caught.value.reason
        assert "sk-secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("listing", "reason"),
    [
        ("1 / 0", "list_providers raised ZeroDivisionError"),
        ("['other.one']", "it lists names that do not begin with 'kit.'"),
        ("[1]", "it lists names that do not begin with 'kit.'"),
    ],
)
def test_a_family_that_cannot_list_is_broken_but_still_makes(
    site: Site, registry: ProviderRegistry, listing: str, reason: str
) -> None:
    source = family({"kit.good": provider_source("kit.good")})
    site.family("kit", source.replace("SOURCES.keys()", listing))
    (row,) = registry.list_providers(load=True)
    assert (row.name, row.status) == ("kit.*", "broken")
    assert reason in (row.error or "")


def test_blocking_a_family_blocks_all_its_members_before_import(
    kit: Site, registry: ProviderRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    for value in ("kit", "kit.*"):
        monkeypatch.setenv("AVATAR_BLOCKED_PROVIDERS", value)
        with pytest.raises(ProviderLoadError, match="AVATAR_BLOCKED_PROVIDERS blocks"):
            registry.get("kit.good")
        assert statuses(registry, load=True) == {"kit.*": "blocked"}
    assert kit.imported() == set()


def test_blocking_one_member_leaves_the_others(
    kit: Site, registry: ProviderRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AVATAR_BLOCKED_PROVIDERS", "kit.raising")
    assert registry.get("kit.good").name == "kit.good"
    with pytest.raises(ProviderLoadError, match="blocks 'kit.raising'"):
        registry.get("kit.raising")


def test_an_entry_point_of_its_own_comes_before_the_family(
    kit: Site, registry: ProviderRegistry
) -> None:
    kit.provider("kit.good")
    assert registry.get("kit.good").distribution == "acme-kit.good"


def test_two_families_with_one_prefix_are_both_named(kit: Site, registry: ProviderRegistry) -> None:
    kit.install(
        "other-kit",
        entry_points={"avatar_core.provider_families": {"kit": "other_kit"}},
        modules={"other_kit": "raise AssertionError('must not be imported')"},
    )
    with pytest.raises(ProviderLoadError, match="acme-family-kit and other-kit"):
        registry.get("kit.good")
    assert statuses(registry, load=True) == {"kit.*": "duplicate"}


def test_a_prefix_without_its_family_is_explained(registry: ProviderRegistry) -> None:
    with pytest.raises(ProviderNotFoundError, match=r"begin with 'livekit\.'|avatar-core\[livekit"):
        registry.get("livekit.tavus")


EXTRAS = """

def missing_providers():
    return {"kit.other": "pip install kit-other"}


class Face:
    avatar_identity = "a-face"


def adopt(found):
    if not isinstance(found, Face):
        return None
    module = types.ModuleType("acme_made")
    exec(SOURCES["kit.good"], module.__dict__)
    return module
"""


@pytest.fixture
def rich(site: Site) -> Site:
    site.family("kit", family({"kit.good": provider_source("kit.good")}) + EXTRAS)
    return site


def test_the_end_of_a_members_name_does_where_one_alone_ends_so(
    rich: Site, registry: ProviderRegistry
) -> None:
    assert registry.get("good").name == "kit.good"
    assert registry.get("good") is registry.get("kit.good")
    assert statuses(registry, load=False)["kit.good"] == "loaded"

    rich.family("box", family({"box.good": provider_source("box.good")}))
    with pytest.raises(ProviderNotFoundError, match=r"'kit\.good'.*'box\.good'|'box.*'kit"):
        ProviderRegistry(entry_points=rich.entry_points).get("good")


def test_a_provider_of_that_very_name_comes_first(rich: Site, registry: ProviderRegistry) -> None:
    rich.provider("good", provider_source("good"))
    assert registry.get("good").name == "good"


def test_what_a_family_knows_and_is_not_installed_is_listed_with_the_command(
    rich: Site, registry: ProviderRegistry
) -> None:
    assert "kit.other" not in statuses(registry, load=False)
    rows = {row.name: row for row in registry.list_providers(load=True)}
    assert rows["kit.other"].status == "not installed"
    assert rows["kit.other"].error == "pip install kit-other"
    assert rows["kit.good"].status == "loaded"


def test_families_can_be_left_out_of_what_is_imported(
    rich: Site, registry: ProviderRegistry
) -> None:
    rows = registry.list_providers(load=True, members=False)
    assert [(row.name, row.status) for row in rows] == [("kit.*", "available")]


def test_an_object_that_a_family_knows_takes_the_place_of_a_name(
    rich: Site, registry: ProviderRegistry
) -> None:
    (kit,) = registry.families()
    face = kit.resolver.Face()  # type: ignore[attr-defined]

    (resolved,) = select([face], {}, registry=registry).resolve(registry)

    assert (resolved.provider.name, resolved.provider.origin) == ("kit.good", "family")
    with pytest.raises(ConfigurationError, match="not object"):
        select(object(), {}, registry=registry)
