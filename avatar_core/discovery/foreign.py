"""Objects of other packages, given in place of a provider's name."""

from __future__ import annotations

from avatar_core.contract.errors import ConfigurationError, ProviderLoadError
from avatar_core.discovery.entry_points import UnfitPluginError, install_hint
from avatar_core.discovery.loaded import LoadedProvider
from avatar_core.discovery.provider_checks import check_provider
from avatar_core.discovery.registry import ProviderRegistry
from avatar_core.discovery.selection_grammar import Candidate


def adopted(found: object, registry: ProviderRegistry, *, refusal: str) -> Candidate:
    """Make a candidate of an object; a provider family that knows its kind makes the provider.

    Args:
        found: The object.
        registry: Where the families are.
        refusal: What to say of an object that no family knows, before the name of its kind.

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
    provider = _provider_of(found, registry)
    if provider is None:
        hint = install_hint("livekit") if hasattr(found, "avatar_identity") else ""
        raise ConfigurationError(
            f"{refusal}, not {kind.__name__}"
            + (f"; for an avatar of another package, {hint}" if hint else "")
        )
    return Candidate(name=provider.name, adopted=provider)


def _provider_of(found: object, registry: ProviderRegistry) -> LoadedProvider | None:
    for family in registry.families():
        claim = family.claim
        try:
            plugin = family.adopt(found)
            if plugin is None:
                continue
            manager, info = check_provider(plugin)
        except UnfitPluginError as exc:
            raise ProviderLoadError(
                f"{family.prefix}.*", str(exc), distribution=claim.distribution
            ) from exc.__cause__
        return LoadedProvider(
            name=info.name,
            distribution=claim.distribution,
            version=claim.version,
            origin="family",
            plugin=plugin,
            info=info,
            manager=manager,
        )
    return None
