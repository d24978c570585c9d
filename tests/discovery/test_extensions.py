from __future__ import annotations

import types
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from avatar_core.contract.errors import ConfigurationError
from avatar_core.discovery.extensions import ExtensionRegistry
from tests.discovery.installed import Site

EXTENSION = """
from contextlib import asynccontextmanager
from avatar_core.contract.hookspecs import hookimpl

seen = []


@hookimpl
@asynccontextmanager
async def around_call(call):
    seen.append(("before", call))
    yield
    seen.append(("after", call))
"""


def extension_object(source: str = EXTENSION) -> Any:
    module = types.ModuleType("application_extension")
    exec(source, module.__dict__)
    return module


@pytest.fixture
def extensions(site: Site) -> ExtensionRegistry:
    return ExtensionRegistry(entry_points=site.entry_points)


def names(extensions: ExtensionRegistry) -> list[str]:
    return [extension.name for extension in extensions.active()]


def test_what_is_merely_installed_does_not_run(site: Site, extensions: ExtensionRegistry) -> None:
    site.extension("audit", EXTENSION)
    assert extensions.active() == ()
    assert site.imported() == set()


async def test_an_extension_that_was_asked_for_wraps_the_call(
    site: Site, extensions: ExtensionRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.extension("audit", EXTENSION)
    monkeypatch.setenv("AVATAR_EXTENSIONS", "audit")
    (extension,) = extensions.active()
    call: Any = object()
    wrapper = extension.around_call(call)
    assert isinstance(wrapper, AbstractAsyncContextManager)
    async with wrapper:
        pass
    seen: Any = getattr(extension.plugin, "seen")  # noqa: B009 - a module made by this test
    assert seen == [("before", call), ("after", call)]
    assert extensions.active() == (extension,)


def test_the_variables_order_comes_first_then_what_was_registered(
    site: Site, extensions: ExtensionRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b"):
        site.extension(name, EXTENSION)
    extensions.register(extension_object(), name="mine")
    monkeypatch.setenv("AVATAR_EXTENSIONS", " b , a,b,")
    assert names(extensions) == ["b", "a", "mine"]
    monkeypatch.delenv("AVATAR_EXTENSIONS")
    assert names(extensions) == ["mine"]


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("raise RuntimeError('sk-secret')", "raised RuntimeError (acme_extension_policy, line 1)"),
        ("raise SystemExit", "raised SystemExit"),
        ("x = 1", "required hooks are missing: around_call"),
        (EXTENSION.replace("around_call", "arround_call"), "did you mean 'around_call'"),
        (EXTENSION.replace("(call)", "(request)"), "wrong arguments (request): it takes call"),
        (EXTENSION.replace("@hookimpl\n", ""), "put @hookimpl above it"),
        (EXTENSION.replace("@hookimpl", "@hookimpl(trylast=True)"), "is marked trylast"),
    ],
)
def test_a_broken_extension_stops_the_call_instead_of_silently_not_running(
    site: Site,
    extensions: ExtensionRegistry,
    monkeypatch: pytest.MonkeyPatch,
    source: str,
    reason: str,
) -> None:
    site.extension("good", EXTENSION)
    site.extension("policy", source)
    monkeypatch.setenv("AVATAR_EXTENSIONS", "good,policy")
    for _ in range(2):
        with pytest.raises(ConfigurationError) as caught:
            extensions.active()
        assert reason in str(caught.value)
        assert "acme-extension-policy" in str(caught.value)
        assert "sk-secret" not in str(caught.value)


def test_an_extension_that_is_not_installed_stops_the_call(
    site: Site, extensions: ExtensionRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.extension("audit", EXTENSION)
    monkeypatch.setenv("AVATAR_EXTENSIONS", "audti")
    with pytest.raises(ConfigurationError, match=r"names 'audti', which is not.*installed: audit"):
        extensions.active()


def test_two_distributions_with_one_extension_are_both_named(
    site: Site, extensions: ExtensionRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.extension("audit", EXTENSION)
    site.install(
        "other-audit",
        entry_points={"avatar_core.extensions": {"audit": "other_audit"}},
        modules={"other_audit": EXTENSION},
    )
    monkeypatch.setenv("AVATAR_EXTENSIONS", "audit")
    with pytest.raises(ConfigurationError, match="acme-extension-audit and other-audit"):
        extensions.active()


def test_a_name_both_installed_and_registered_is_ambiguous(
    site: Site, extensions: ExtensionRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.extension("audit", EXTENSION)
    extensions.register(extension_object(), name="audit")
    monkeypatch.setenv("AVATAR_EXTENSIONS", "audit")
    with pytest.raises(ConfigurationError, match="both in AVATAR_EXTENSIONS and registered"):
        extensions.active()


@pytest.mark.parametrize(
    "body",
    ["def around_call(call): return None", "async def around_call(call): return call"],
    ids=["nothing", "a coroutine"],
)
def test_an_extension_that_gives_no_context_manager_refuses_the_call(
    extensions: ExtensionRegistry, body: str
) -> None:
    source = f"from avatar_core.contract.hookspecs import hookimpl\n@hookimpl\n{body}\n"
    extensions.register(extension_object(source), name="odd")
    (extension,) = extensions.active()
    call: Any = object()
    with pytest.raises(ConfigurationError, match="no async context manager; put @hookimpl above"):
        extension.around_call(call)


def test_registering_and_unregistering(extensions: ExtensionRegistry) -> None:
    plugin = extension_object()
    first = extensions.register(plugin)
    assert first.name == "application_extension"
    assert extensions.register(plugin) is first
    with pytest.raises(ConfigurationError, match="is registered already"):
        extensions.register(extension_object())
    with pytest.raises(ConfigurationError, match="is the class"):
        extensions.register(type("Extension", (), {}))
    extensions.unregister("application_extension")
    assert extensions.active() == ()
    with pytest.raises(ConfigurationError, match=r"no extension 'application_extension'.*none"):
        extensions.unregister("application_extension")


def test_an_object_whose_attributes_raise_is_refused(extensions: ExtensionRegistry) -> None:
    class Hostile:
        def __dir__(self) -> list[str]:
            raise SystemExit

    with pytest.raises(ConfigurationError, match="looking at it raised SystemExit"):
        extensions.register(Hostile())
