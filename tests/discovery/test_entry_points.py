from __future__ import annotations

import logging
from importlib.metadata import EntryPoint

import pytest

from avatar_core.discovery.entry_points import (
    PROVIDER_GROUP,
    Claim,
    UnfitPluginError,
    claims_by_name,
    first_party_extras,
    install_hint,
    installed_entry_points,
    load_claim,
)
from tests.discovery.installed import Site, provider_source


def claim_to(value: str) -> Claim:
    entry = EntryPoint(name="acme", value=value, group=PROVIDER_GROUP)
    return Claim(entry=entry, distribution="acme-avatars", version="1.0")


def test_a_claim_names_the_distribution_and_version_that_made_it(site: Site) -> None:
    site.provider("good")
    (claim,) = claims_by_name(installed_entry_points, PROVIDER_GROUP)["good"]
    assert (claim.distribution, claim.version) == ("acme-good", "1.0")
    assert site.imported() == set()


def test_one_unreadable_distribution_hides_no_other(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    site.provider("good")
    site.provider("torn")
    path = site.folder / "acme_torn-1.0.dist-info" / "entry_points.txt"
    path.write_text("[avatar_core.providers]\nthis line has no equals sign\n", encoding="utf-8")
    with caplog.at_level(logging.WARNING, logger="avatar_core"):
        names = claims_by_name(installed_entry_points, PROVIDER_GROUP)
    assert "good" in names
    assert "torn" not in names
    assert [record.message for record in caplog.records] == [
        "a distribution's entry points cannot be read; its avatar providers are missing"
    ]


def test_the_same_distribution_twice_on_the_path_is_no_duplicate(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.provider("good")
    second = Site(site.folder / "again")
    second.folder.mkdir()
    second.provider("good")
    monkeypatch.syspath_prepend(str(second.folder))
    assert len(claims_by_name(installed_entry_points, PROVIDER_GROUP)["good"]) == 1


def test_two_distributions_with_one_name_are_both_kept(site: Site) -> None:
    site.provider("good")
    site.install(
        "other-good",
        entry_points={PROVIDER_GROUP: {"good": "other_good"}},
        modules={"other_good": provider_source("good")},
    )
    claims = claims_by_name(site.entry_points, PROVIDER_GROUP)["good"]
    assert {claim.owner for claim in claims} == {"acme-good", "other-good"}


def test_an_entry_point_without_a_distribution_is_known_by_its_module() -> None:
    entry = EntryPoint(name="loose", value="loose.plugin", group=PROVIDER_GROUP)
    (claim,) = claims_by_name(lambda: [entry], PROVIDER_GROUP)["loose"]
    assert claim.owner == "module loose.plugin"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("raise RuntimeError('sk-secret')", "raised RuntimeError (acme_broken, line 1)"),
        ("raise SystemExit(3)", "raised SystemExit (acme_broken, line 1)"),
        ("import acme_missing_module", "needs module 'acme_missing_module'"),
        ("x = 1\ndef broken(:\n", "found a syntax error (line 2)"),
        ("from os import does_not_exist", "raised ImportError (acme_broken, line 1)"),
        ("x = 1\nimport os\nos.environ['SK']", "raised KeyError (acme_broken, line 3)"),
    ],
    ids=["exception", "SystemExit", "missing module", "syntax", "missing name", "in a library"],
)
def test_a_failed_import_is_explained_by_type_and_place_without_its_text(
    site: Site, source: str, expected: str
) -> None:
    site.provider("broken", source)
    with pytest.raises(UnfitPluginError) as caught:
        load_claim(claim_to("acme_broken"))
    assert expected in str(caught.value)
    assert "python -c 'import acme_broken'" in str(caught.value)
    assert "sk-secret" not in str(caught.value)
    assert caught.value.__cause__ is not None


def test_ctrl_c_during_an_import_is_the_users_and_not_the_plugins(site: Site) -> None:
    site.provider("slow", "raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        load_claim(claim_to("acme_slow"))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("acme_nowhere", "its module 'acme_nowhere' does not exist; reinstall acme-avatars"),
        ("acme_good:plugin", "module 'acme_good' has no attribute 'plugin'"),
        ("not a module", "is not of the form 'module:object'"),
        ("acme_lazy:plugin", "reading 'acme_lazy:plugin' raised OSError (acme_lazy, line 3)"),
    ],
)
def test_an_entry_point_that_leads_nowhere_says_so(site: Site, value: str, expected: str) -> None:
    site.provider("good")
    site.provider("lazy", "\ndef __getattr__(name):\n    raise OSError(name)\n")
    with pytest.raises(UnfitPluginError) as caught:
        load_claim(claim_to(value))
    assert expected in str(caught.value)


def test_an_entry_point_can_name_an_object_inside_a_module(site: Site) -> None:
    site.provider("deep", "class Holder:\n    plugin = 'it'\n")
    assert load_claim(claim_to("acme_deep:Holder.plugin")) == "it"


def test_the_hint_names_an_extra_of_this_distribution_and_guesses_no_package() -> None:
    assert "mock" in first_party_extras()
    assert install_hint("mock") == 'try: pip install "avatar-core[mock]"'
    assert install_hint("acme") == "install the package that brings it"
    assert "'acme.' come from a provider family" in install_hint("acme.tavus")
