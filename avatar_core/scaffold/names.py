"""The names a new provider goes by, all of them made of one."""

from __future__ import annotations

import re
from dataclasses import dataclass

from avatar_core.contract.errors import ConfigurationError
from avatar_core.discovery.provider_checks import OFF

DISTRIBUTION_PREFIX = "avatar-provider-"

LONGEST = 40
"""Characters of a name at most: lines with it in them stay readable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderNames:
    """What a provider is called where.

    Args:
        name: To its users, and as an entry point: ``my-face``.
        distribution: To pip: ``avatar-provider-my-face``.
        package: To Python: ``avatar_provider_my_face``.
        title: To people: ``My Face``.
        variable: What its environment variables begin with: ``MY_FACE``.
    """

    name: str
    distribution: str
    package: str
    title: str
    variable: str


def provider_names(name: str) -> ProviderNames:
    """Make all names of one.

    Args:
        name: The provider's name: lower-case letters and digits, with single ``-`` or ``_``
            between them.

    Raises:
        ConfigurationError: It is no name for a package of its own; the text says which rule it
            breaks.
    """
    if broken := broken_rule(name):
        raise ConfigurationError(f"{name!r} cannot be a provider's name: {broken}")
    words = re.split("[-_]", name)
    variable = "_".join(words).upper()
    return ProviderNames(
        name=name,
        distribution=DISTRIBUTION_PREFIX + "-".join(words),
        package="avatar_provider_" + "_".join(words),
        title=" ".join(word.capitalize() for word in words),
        # No shell sets a variable that begins with a digit.
        variable=f"_{variable}" if variable[0].isdigit() else variable,
    )


def broken_rule(name: str) -> str | None:
    """Say which rule a name breaks, and what to do about it; None if it breaks none.

    Args:
        name: What was asked for.
    """
    for prefix in (DISTRIBUTION_PREFIX, DISTRIBUTION_PREFIX.replace("-", "_")):
        if name.startswith(prefix):
            rest = name.removeprefix(prefix) or "my-face"
            return f"{prefix!r} is put before it; give the rest, {rest!r}"
    if "." in name:
        prefix = name.partition(".")[0]
        return f"a dot is for provider families: that of {prefix!r} brings all '{prefix}.…'"
    if name != name.lower():
        return f"it must be in lower case, as {name.lower()!r}"
    if name == OFF:
        return "it means no avatar"
    if not re.fullmatch("[a-z0-9_-]+", name):
        return "it must consist of lower-case letters a to z, digits, '-' and '_'"
    if not re.fullmatch("[a-z0-9]+(?:[-_][a-z0-9]+)*", name):
        return "'-' and '_' stand alone, between letters or digits: a package's name needs it"
    if len(name) > LONGEST:
        return f"it has {len(name)} characters; {LONGEST} are the most"
    return None
