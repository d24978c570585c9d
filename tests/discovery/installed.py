"""Packages that are really installed: a module and a dist-info folder each, on ``sys.path``."""

from __future__ import annotations

import importlib
import importlib.metadata
import sys
import textwrap
from collections.abc import Iterator, Mapping
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from avatar_core.discovery.entry_points import EXTENSION_GROUP, FAMILY_GROUP, PROVIDER_GROUP

PROVIDER = """
from avatar_core.contract.hookspecs import hookimpl
from avatar_core.contract.models import ProviderInfo
from avatar_core.contract.options import ProviderOptions


class Options(ProviderOptions):
    size: int = 512
    {options}


@hookimpl
def describe_provider():
    return ProviderInfo(name={name!r}, title="The {name} provider", options=Options{info})


@hookimpl
def start_session(request):
    return "started by {name}"


@hookimpl
def end_session(request):
    return "ended by {name}"
"""


def provider_source(name: str, *, options: str = "", info: str = "") -> str:
    """Write a whole provider.

    Args:
        name: What it calls itself.
        options: Another line of its options model.
        info: Further arguments of its ProviderInfo, with a comma in front.
    """
    return PROVIDER.format(name=name, options=options, info=info)


class Site:
    """A folder on ``sys.path`` that tests install packages into."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def install(
        self,
        distribution: str,
        *,
        version: str = "1.0",
        entry_points: Mapping[str, Mapping[str, str]],
        modules: Mapping[str, str],
    ) -> None:
        """Install one distribution.

        Args:
            distribution: Its name.
            version: Its version.
            entry_points: Names and values by group.
            modules: Sources by module name.
        """
        info = self.folder / f"{distribution.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n", encoding="utf-8"
        )
        lines = []
        for group, entries in entry_points.items():
            lines += [f"[{group}]", *(f"{name} = {value}" for name, value in entries.items()), ""]
        (info / "entry_points.txt").write_text("\n".join(lines), encoding="utf-8")
        for module, source in modules.items():
            path = self.folder / f"{module}.py"
            path.write_text(textwrap.dedent(source), encoding="utf-8")
        importlib.invalidate_caches()

    def provider(self, name: str, source: str | None = None, **changes: str) -> None:
        """Install ``acme-<name>`` with one provider in the module ``acme_<name>``.

        Args:
            name: The entry-point name.
            source: The module; None for a provider that works.
            changes: Arguments of ``provider_source``.
        """
        module = f"acme_{name.replace('-', '_').replace('.', '_')}"
        self.install(
            f"acme-{name}",
            entry_points={PROVIDER_GROUP: {name: module}},
            modules={module: source if source is not None else provider_source(name, **changes)},
        )

    def family(self, prefix: str, source: str) -> None:
        """Install a family whose resolver is the module itself."""
        module = f"acme_family_{prefix}"
        self.install(
            f"acme-family-{prefix}",
            entry_points={FAMILY_GROUP: {prefix: module}},
            modules={module: source},
        )

    def extension(self, name: str, source: str) -> None:
        """Install an extension that is a module."""
        module = f"acme_extension_{name}"
        self.install(
            f"acme-extension-{name}",
            entry_points={EXTENSION_GROUP: {name: module}},
            modules={module: source},
        )

    def entry_points(self) -> Iterator[EntryPoint]:
        """Give the real entry points of this folder alone, without what else is installed."""
        for distribution in importlib.metadata.distributions(path=[str(self.folder)]):
            yield from distribution.entry_points

    def imported(self) -> set[str]:
        """Name the modules of this folder that were imported so far."""
        return {
            name
            for name, module in sys.modules.items()
            if str(getattr(module, "__file__", None) or "").startswith(str(self.folder))
        }


def installed_site(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """Put a folder on ``sys.path`` for one test and forget its modules afterwards."""
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    site = Site(folder)
    yield site
    for name in site.imported():
        del sys.modules[name]
