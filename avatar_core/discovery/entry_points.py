"""Installed metadata: who claims which name, and importing what one claim points at."""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, EntryPoint
from types import TracebackType

from avatar_core.log import logger

PROVIDER_GROUP = "avatar_core.providers"
FAMILY_GROUP = "avatar_core.provider_families"
EXTENSION_GROUP = "avatar_core.extensions"

EntryPointSource = Callable[[], Iterable[EntryPoint]]
"""Gives entry points; those of other groups are passed over."""


class UnfitPluginError(Exception):
    """Why a plugin cannot be used, in one sentence without another exception's text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One distribution's claim to one name.

    Args:
        entry: The entry point.
        distribution: Name of the distribution that declares it, None if unknown.
        version: Version of that distribution, None if unknown.
    """

    entry: EntryPoint
    distribution: str | None
    version: str | None

    @property
    def owner(self) -> str:
        """The distribution as people know it, or the module where that is unknown."""
        return self.distribution or f"module {self.entry.value}"


def installed_entry_points() -> Iterator[EntryPoint]:
    """Read the entry points of every distribution on ``sys.path``; imports nothing.

    ``importlib.metadata.entry_points()`` fails for everybody when one distribution's file cannot
    be parsed; here that distribution alone is passed over.
    """
    seen: set[str] = set()
    for distribution in importlib.metadata.distributions():
        try:
            text = distribution.read_text("entry_points.txt") or ""
            if "avatar_core." not in text:
                continue
            name = re.sub(r"[-_.]+", "-", distribution.metadata["Name"] or "").lower()
            entries = tuple(distribution.entry_points)
        except Exception as exc:  # noqa: BLE001 - any distribution's files may be damaged
            logger.warning(
                "a distribution's entry points cannot be read; its avatar providers are missing",
                extra={"error_type": type(exc).__name__},
            )
            continue
        if name and name in seen:
            continue  # the same distribution twice on sys.path: Python imports the first
        seen.add(name)
        yield from entries


def claims_by_name(source: EntryPointSource, group: str) -> dict[str, tuple[Claim, ...]]:
    """Group the entry points of one group by name.

    Args:
        source: Where entry points come from.
        group: The entry-point group.
    """
    found: dict[str, dict[tuple[str | None, str], Claim]] = {}
    for entry in source():
        if entry.group == group:
            distribution, version = _origin(entry.dist)
            claim = Claim(entry=entry, distribution=distribution, version=version)
            found.setdefault(entry.name, {}).setdefault((distribution, entry.value), claim)
    return {name: tuple(claims.values()) for name, claims in sorted(found.items())}


def _origin(distribution: Distribution | None) -> tuple[str | None, str | None]:
    if distribution is None:
        return None, None
    try:
        return distribution.metadata["Name"] or None, distribution.metadata["Version"] or None
    except Exception:  # noqa: BLE001 - unreadable metadata only costs the name in messages
        return None, None


def duplicate_reason(claims: Iterable[Claim]) -> str:
    """Say that several distributions claim one name, naming all of them."""
    owners = " and ".join(sorted(claim.owner for claim in claims))
    return f"several packages claim this name: {owners}; uninstall all but one"


def load_claim(claim: Claim) -> object:
    """Import what a claim points at.

    Args:
        claim: The one claim to the name.

    Raises:
        UnfitPluginError: The import failed in any way, ``SystemExit`` included.
    """
    try:
        module_name, attributes = claim.entry.module, claim.entry.attr
    except (AttributeError, AssertionError):  # the latter from Python 3.13 on
        reason = f"its entry point {claim.entry.value!r} is not of the form 'module:object'"
        raise UnfitPluginError(reason) from None
    try:
        module = importlib.import_module(module_name)
    except KeyboardInterrupt:
        raise  # the user's own, not the plugin's doing
    except BaseException as exc:  # a third-party import can raise anything
        raise UnfitPluginError(_import_reason(module_name, claim, exc)) from exc
    parts = [part for part in (attributes or "").split(".") if part]
    try:
        return functools.reduce(getattr, parts, module)
    except KeyboardInterrupt:
        raise
    except AttributeError as exc:
        reason = f"module {module_name!r} has no attribute {attributes!r}"
        raise UnfitPluginError(reason) from exc
    except BaseException as exc:  # a lazy module attribute can raise anything
        raise UnfitPluginError(raised(f"reading {claim.entry.value!r}", exc, module_name)) from exc


def _import_reason(module_name: str, claim: Claim, exc: BaseException) -> str:
    """Explain a failed import by its type and place: its text may hold anything, a key too."""
    show = f"; to see it whole: python -c 'import {module_name}'"
    if isinstance(exc, ImportError) and (exc.name or "").partition(".")[0] == "avatar_core":
        return (
            f"importing {module_name!r} needs something of {exc.name!r} that this avatar-core"
            f" ({core_version()}) does not have: upgrade avatar-core, or the provider{show}"
        )
    if isinstance(exc, ModuleNotFoundError) and exc.name:
        if module_name == exc.name or module_name.startswith(f"{exc.name}."):
            return f"its module {exc.name!r} does not exist; reinstall {claim.owner}"
        return f"importing {module_name!r} needs module {exc.name!r}, which is not installed{show}"
    if isinstance(exc, SyntaxError):
        return f"importing {module_name!r} found a syntax error (line {exc.lineno}){show}"
    return raised(f"importing {module_name!r}", exc, module_name) + show


def raised(action: str, exc: BaseException, module_name: str) -> str:
    """Say that an action raised, with type and place but without the exception's own text.

    Args:
        action: What was done, such as ``importing 'acme'``.
        exc: What it raised.
        module_name: The plugin's module; the innermost line of its package is named.
    """
    package = module_name.partition(".")[0]
    place = ""
    trace: TracebackType | None = exc.__traceback__
    while trace is not None:
        origin = str(trace.tb_frame.f_globals.get("__name__", ""))
        if origin.partition(".")[0] == package:
            place = f" ({origin}, line {trace.tb_lineno})"
        trace = trace.tb_next
    return f"{action} raised {type(exc).__name__}{place}"


def install_hint(name: str) -> str:
    """Say how to install the provider of that name, or the family of its prefix.

    Only what this distribution itself declares as an extra is named: a guessed package name could
    be anyone's.
    """
    prefix, dot, _ = name.partition(".")
    for extra in (name, prefix):
        if extra in first_party_extras():
            return f'try: pip install "avatar-core[{extra}]"'
    if dot:
        return f"names that begin with '{prefix}.' come from a provider family: install its package"
    return "install the package that brings it"


def core_version() -> str:
    """Give the version of avatar-core that is installed."""
    try:
        return importlib.metadata.version("avatar-core")
    except importlib.metadata.PackageNotFoundError:
        return "not installed"  # run from a source tree


@functools.lru_cache(maxsize=1)
def first_party_extras() -> frozenset[str]:
    """Names of the providers that are extras of this distribution, from its own metadata."""
    try:
        requirements = importlib.metadata.requires("avatar-core") or []
    except importlib.metadata.PackageNotFoundError:
        return frozenset()  # run from a source tree that is not installed
    pattern = re.compile(r"avatar-provider-([a-z0-9-]+).*\bextra\s*==\s*['\"]\1['\"]")
    return frozenset(match[1] for line in requirements if (match := pattern.match(line)))
