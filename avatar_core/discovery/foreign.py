"""Objects of other packages, given in place of a provider's name."""

from __future__ import annotations

from avatar_core.contract.errors import ConfigurationError
from avatar_core.discovery.entry_points import install_hint
from avatar_core.discovery.registry import ProviderRegistry
from avatar_core.discovery.selection_grammar import Candidate


def adopted(found: object, registry: ProviderRegistry) -> Candidate:
    """Make a candidate of an object; a provider family that knows its kind makes the provider.

    Args:
        found: The object.
        registry: Where the families are.

    Raises:
        ConfigurationError: It is of no kind that an installed family knows.
        ProviderLoadError: One knows it, and cannot use it.
    """
    kind = type(found)
    if kind.__module__.partition(".")[0] == "avatar_core":
        raise ConfigurationError(
            f"the provider argument is {kind.__name__} of avatar-core itself: pass what that was"
            " made with, a provider's name"
        )
    provider = registry.adopt(found)
    if provider is None:
        hint = install_hint("livekit") if hasattr(found, "avatar_identity") else ""
        raise ConfigurationError(
            "the provider argument must be a name, a Provider, an avatar of LiveKit's plugins, or"
            f" a list of them, not {kind.__name__}" + (f"; to use that one, {hint}" if hint else "")
        )
    return Candidate(name=provider.name, adopted=provider)
