from __future__ import annotations

import logging
from typing import Any

import pytest

from avatar_core.contract.errors import (
    ConfigurationError,
    ProviderLoadError,
    ProviderNotFoundError,
)
from avatar_core.discovery.registry import ProviderRegistry
from avatar_core.discovery.selection import Provider, Selection, select
from tests.discovery.installed import Site, provider_source

OPTIONS = """
    face: str = "stock"
    loud: bool = False
    limit: int | None = None
    rate: Literal[16000, 24000] = 16000
    layers: tuple[str, ...] = ()
    numbers: list[int] = []
    extra: dict[str, int] | None = None
    note: Annotated[Literal["a", "b"], "a note"] = "a"
"""

HEAD = "from typing import Annotated, Literal\n"


@pytest.fixture
def faces(site: Site) -> Site:
    """Two providers: ``face`` takes an avatar and many options, ``plain`` has only a size."""
    site.provider(
        "face", HEAD + provider_source("face", options=OPTIONS, info=", avatar_option='face'")
    )
    site.provider("plain")
    return site


def resolve(registry: ProviderRegistry, argument: Any, **options: Any) -> list[dict[str, Any]]:
    resolved = select(argument, options, registry=registry).resolve(registry)
    return [one.options.model_dump(exclude_unset=True) for one in resolved]


# --- what was asked for ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("argument", "options", "expected"),
    [
        ("face", {}, [{}]),
        ("face/ann", {}, [{"face": "ann"}]),
        ("face", {"face": "ann"}, [{"face": "ann"}]),
        ("face/ann", {"size": 64}, [{"face": "ann", "size": 64}]),
        ("face/ann", {"face": "ann"}, [{"face": "ann"}]),
        ("face?face=ann", {"face": "ann"}, [{"face": "ann"}]),
        ("face?size=64", {"size": 64}, [{"size": 64}]),
        ("face?loud=true", {"loud": True}, [{"loud": True}]),
        ("face/a/b", {}, [{"face": "a/b"}]),
        (Provider("face", size=64), {}, [{"size": 64}]),
        (Provider("face/ann?loud=yes", size=64), {}, [{"face": "ann", "loud": True, "size": 64}]),
        (Provider("face"), {"size": 64}, [{"size": 64}]),
        (Provider("face", size=64), {"size": 64, "loud": True}, [{"size": 64, "loud": True}]),
        ([Provider("face", size=64), "plain"], {}, [{"size": 64}, {}]),
        (("face/ann", "plain?size=32"), {}, [{"face": "ann"}, {"size": 32}]),
        ("face/ann,plain", {}, [{"face": "ann"}, {}]),
        (["face,plain", "face"], {}, [{}, {}, {}]),
        (["face", "face"], {}, [{}, {}]),
        (["plain"], {"size": 64}, [{"size": 64}]),
    ],
)
def test_what_was_asked_for_becomes_checked_options(
    faces: Site,
    registry: ProviderRegistry,
    argument: Any,
    options: dict[str, Any],
    expected: list[dict[str, Any]],
) -> None:
    assert resolve(registry, argument, **options) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("size=64", {"size": 64}),
        ("loud=true", {"loud": True}),
        ("loud=off", {"loud": False}),
        ("limit=7", {"limit": 7}),
        ("rate=24000", {"rate": 24000}),
        ("note=b", {"note": "b"}),
        ("layers=a", {"layers": ("a",)}),
        ("layers=a&layers=b", {"layers": ("a", "b")}),
        ('layers=["a"%2C"b"]', {"layers": ("a", "b")}),
        ("numbers=1&numbers=2", {"numbers": [1, 2]}),
        ("numbers=[1%2C2]", {"numbers": [1, 2]}),
        ('extra={"a":1}', {"extra": {"a": 1}}),
    ],
)
def test_text_becomes_the_type_that_the_option_has(
    faces: Site, registry: ProviderRegistry, text: str, expected: dict[str, Any]
) -> None:
    assert resolve(registry, f"face?{text}") == [expected]


@pytest.mark.parametrize(
    ("argument", "options", "reason"),
    [
        ("face?siez=64", {}, "unknown option 'siez'"),
        ("face", {"siez": 64}, "unknown option 'siez'"),
        ("face?size=big", {}, "option 'size'"),
        ("face?rate=8000", {}, "option 'rate'"),
        ("face?size=1&size=2", {}, "option 'size' is given twice"),
        ("face?extra={", {}, "option 'extra' is not valid JSON"),
        ("face?numbers=[1", {}, "option 'numbers' is not valid JSON"),
        ("face/ann", {"face": "bob"}, "option 'face' is given twice, with two values"),
        ("face/ann?face=bob", {}, "option 'face' is given twice, with two values"),
        ("face?size=1", {"size": 2}, "option 'size' is given twice, with two values"),
        (Provider("face?size=1", size=2), {}, "option 'size' is given twice, with two values"),
        (Provider("face", size=1), {"size": 2}, "option 'size' is given twice, with two values"),
        ("plain/ann", {}, "'plain' has no option for the avatar behind the slash (valid options"),
        (["face", "plain"], {"size": 1}, 'are: size; write them into each, as in Provider("name"'),
        ("face,plain", {"size": 1, "loud": 1}, "nobody knows whose these options are: loud, size"),
        ([], {}, "the provider argument is an empty list"),
        (7, {}, "must be a name, a Provider or a list of them, not int"),
        (b"face", {}, "must be a name, a Provider or a list of them, not bytes"),
        (["face", 7], {}, "its list takes names and Provider, not int"),
        (["face", "off"], {}, "'off' means no avatar and must stand alone"),
        ([Provider("off"), "face"], {}, "'off' means no avatar and must stand alone"),
        (Provider("off", size=1), {}, "'off' takes neither an avatar nor options"),
        ("", {}, "a provider's name is missing"),
    ],
)
def test_mistakes_are_named(
    faces: Site, registry: ProviderRegistry, argument: Any, options: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        resolve(registry, argument, **options)
    assert reason in str(caught.value)


def test_a_conflict_shows_no_value(faces: Site, registry: ProviderRegistry) -> None:
    with pytest.raises(ConfigurationError) as caught:
        resolve(registry, "face?face=sk-secret", face="sk-other")
    assert "sk-" not in str(caught.value)


def test_one_that_cannot_be_used_is_an_error_also_in_a_list(
    faces: Site, registry: ProviderRegistry
) -> None:
    faces.provider("raising", "raise RuntimeError")
    with pytest.raises(ProviderLoadError, match="'raising'"):
        resolve(registry, ["plain", "raising"])
    with pytest.raises(ProviderNotFoundError, match="did you mean 'plain'"):
        resolve(registry, ["face", "plian"])


def test_a_model_that_fails_in_its_own_way_is_the_providers_fault(
    site: Site, registry: ProviderRegistry
) -> None:
    option = "@pydantic.field_validator('size')\n    def _no(cls, v): raise KeyError('sk-secret')"
    site.provider("odd", "import pydantic\n" + provider_source("odd", options=option))
    with pytest.raises(ProviderLoadError, match="checking its options raised KeyError") as caught:
        resolve(registry, "odd?size=1")
    assert "sk-secret" not in str(caught.value)


# --- off ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("argument", ["off", "OFF", ["off"], Provider("off"), [Provider("off")]])
def test_off_is_no_candidate_whatever_the_keywords(
    registry: ProviderRegistry, argument: Any
) -> None:
    selection = select(argument, {"avatar_id": "ann"}, registry=registry)
    assert (selection.off, selection.candidates) == (True, ())
    assert selection.resolve(registry) == ()


def test_off_in_the_environment_runs_the_same_code_without_an_avatar(
    registry: ProviderRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AVATAR_PROVIDER", "off")
    assert select(None, {"size": 1}) == Selection(candidates=(), off=True, from_environment=True)


# --- the environment ------------------------------------------------------------------------------


def test_the_environment_chooses_where_the_code_does_not(
    faces: Site, registry: ProviderRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AVATAR_PROVIDER", " face/ann?size=64, plain ")
    assert resolve(registry, None) == [{"face": "ann", "size": 64}, {}]
    assert resolve(registry, "plain") == [{}]


def test_keywords_that_are_not_its_own_are_left_out_with_one_line(
    faces: Site,
    registry: ProviderRegistry,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("AVATAR_PROVIDER", "plain?size=64")
    with caplog.at_level(logging.INFO, logger="avatar_core"):
        options = resolve(registry, None, size=32, face="sk-secret", quality="lite")
    assert options == [{"size": 64}]
    (record,) = caplog.records
    assert "(plain: size, face, quality)" in record.getMessage()
    assert "sk-secret" not in caplog.text


def test_keywords_that_are_its_own_are_used_by_each_of_several(
    faces: Site,
    registry: ProviderRegistry,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("AVATAR_PROVIDER", "face/ann,plain")
    with caplog.at_level(logging.INFO, logger="avatar_core"):
        options = resolve(registry, None, size=32, loud=True, face="bob")
    assert options == [{"face": "ann", "size": 32, "loud": True}, {"size": 32}]
    (record,) = caplog.records
    assert "(face: face; plain: loud, face)" in record.getMessage()


def test_nothing_left_out_is_not_worth_a_line(
    faces: Site,
    registry: ProviderRegistry,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("AVATAR_PROVIDER", "plain")
    with caplog.at_level(logging.DEBUG, logger="avatar_core"):
        assert resolve(registry, None, size=32) == [{"size": 32}]
    assert caplog.records == []


def test_a_wrong_value_is_an_error_also_where_the_environment_chose(
    faces: Site, registry: ProviderRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AVATAR_PROVIDER", "plain?size=big")
    with pytest.raises(ConfigurationError, match="option 'size'"):
        resolve(registry, None)
    monkeypatch.setenv("AVATAR_PROVIDER", "plain?siez=1")
    with pytest.raises(ConfigurationError, match="unknown option 'siez'"):
        resolve(registry, None)


@pytest.mark.parametrize("value", [None, "", "  "])
def test_nothing_chosen_says_what_is_installed_and_what_to_set(
    faces: Site, registry: ProviderRegistry, monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    if value is not None:
        monkeypatch.setenv("AVATAR_PROVIDER", value)
    with pytest.raises(ConfigurationError) as caught:
        select(None, {}, registry=registry)
    assert "set AVATAR_PROVIDER, for instance AVATAR_PROVIDER=face" in str(caught.value)
    assert "(installed: face, plain)" in str(caught.value)
    assert faces.imported() == set()


def test_nothing_chosen_and_nothing_installed_says_what_to_install(
    registry: ProviderRegistry,
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        select(None, {}, registry=registry)
    assert '(installed: none); none is installed, try: pip install "avatar-core[mock]"' in str(
        caught.value
    )


# --- Provider -------------------------------------------------------------------------------------


def test_provider_never_prints_a_value() -> None:
    provider = Provider("face/sk-avatar?key=sk-1", token="sk-2")
    assert repr(provider) == "Provider('face/...', key=..., token=...)"
    assert repr(Provider("face")) == "Provider('face')"
    resolved = repr(select([provider, "plain"], {}))
    assert "sk-" not in resolved


def test_provider_takes_an_option_called_name(site: Site, registry: ProviderRegistry) -> None:
    site.provider("named", options="name: str = ''")
    assert resolve(registry, Provider("named", name="Ann")) == [{"name": "Ann"}]


@pytest.mark.parametrize(
    ("name", "options", "reason"),
    [
        ("a,b", {}, "it takes one name; make a Provider for each"),
        ("", {}, "a provider's name is missing"),
        (7, {}, "its name must be text, not int"),
        ("face", {"policy": None}, "policy belongs to AvatarSession itself"),
    ],
)
def test_provider_refuses_at_once(name: Any, options: dict[str, Any], reason: str) -> None:
    with pytest.raises(ConfigurationError, match=reason):
        Provider(name, **options)
