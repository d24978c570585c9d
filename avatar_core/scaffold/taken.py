"""Whether a new provider's name is free, told from installed metadata; nothing is imported."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import re
from collections.abc import Collection

from avatar_core.contract.errors import ConfigurationError
from avatar_core.discovery.entry_points import (
    FAMILY_GROUP,
    PROVIDER_GROUP,
    EntryPointSource,
    claims_by_name,
    first_party_extras,
    installed_entry_points,
)
from avatar_core.scaffold.names import DISTRIBUTION_PREFIX, ProviderNames

_FAMILIES = {"livekit": f"{DISTRIBUTION_PREFIX}livekit"}
"""Prefixes that are spoken for, installed or not: ``livekit.tavus`` is one of that family."""


def refuse_taken_name(
    names: ProviderNames,
    *,
    commands: Collection[str] = (),
    entry_points: EntryPointSource = installed_entry_points,
) -> None:
    """Refuse a name that somebody has; ``my-face`` and ``my_face`` would be one package.

    Args:
        names: The names of the new provider.
        commands: Of the command line itself: a provider of such a name could have none.
        entry_points: Where installed entry points come from.

    Raises:
        ConfigurationError: A provider, a family, a distribution or a Python package has it; the
            text says which.
    """
    if names.name in commands:
        raise ConfigurationError(
            f"{names.name!r} cannot be a provider's name: `avatar {names.name}` is another command"
        )
    owner = _owner(names, entry_points)
    if owner is not None:
        raise ConfigurationError(f"the name {names.name!r} is taken by {owner}; choose another")


def _owner(names: ProviderNames, entry_points: EntryPointSource) -> str | None:
    wanted = _plain(names.name)
    for group, kind in ((PROVIDER_GROUP, "provider"), (FAMILY_GROUP, "family")):
        for name, claims in claims_by_name(entry_points, group).items():
            if _plain(name) == wanted:
                owners = " and ".join(sorted(claim.owner for claim in claims))
                return f"{owners}, which is installed and brings the {kind} {name!r}"
    if wanted in _FAMILIES:
        return f"{_FAMILIES[wanted]}, which brings the family {wanted!r}"
    if wanted in first_party_extras():
        return f"{names.distribution}, which belongs to avatar-core[{wanted}]"
    try:
        version = importlib.metadata.version(names.distribution)
    except importlib.metadata.PackageNotFoundError:
        version = None
    if version is not None:
        return f"{names.distribution} {version}, which is installed"
    if importlib.util.find_spec(names.package) is not None:
        return f"the Python package {names.package!r}, which can be imported from here"
    return None


def _plain(name: str) -> str:
    """Write a name as pip compares it."""
    return re.sub("[-_.]+", "-", name).lower()
