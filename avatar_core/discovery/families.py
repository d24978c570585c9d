"""Provider families: one entry point that brings all names with its prefix."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from avatar_core.contract.errors import ProviderNotFoundError
from avatar_core.discovery.entry_points import Claim, UnfitPluginError, load_claim, raised
from avatar_core.discovery.hook_checks import refuse_non_plugin
from avatar_core.discovery.provider_checks import module_of


@runtime_checkable
class ProviderFamily(Protocol):
    """What an entry point of the group ``avatar_core.provider_families`` points at.

    The entry point's name, with a dot, is the prefix of every provider of the family:
    ``livekit`` brings ``livekit.tavus``. Names are always given whole, prefix included.
    """

    def list_providers(self) -> Iterable[str]:
        """List the names this family can make a provider of now, cheapest way possible."""

    def make_provider(self, name: str) -> object:
        """Make the provider of that name, an object with hooks.

        Args:
            name: The whole name, such as ``livekit.tavus``.

        Raises:
            ProviderNotFoundError: The family knows no such name; ``hint`` says what to install.
        """


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LoadedFamily:
    """A family that was imported and checked.

    Args:
        prefix: Its entry-point name, without the dot.
        claim: Where it comes from.
        resolver: What lists and makes its providers.
    """

    prefix: str
    claim: Claim
    resolver: ProviderFamily = field(repr=False)

    def names(self) -> tuple[str, ...]:
        """List the names it can make, sorted.

        Raises:
            UnfitPluginError: It failed to list them, or listed what is not its own.
        """
        module = module_of(self.resolver)
        try:
            names: list[Any] = list(self.resolver.list_providers())
        except KeyboardInterrupt:
            raise
        except BaseException as exc:  # third-party code can raise anything
            raise UnfitPluginError(raised("list_providers", exc, module)) from exc
        if not all(isinstance(name, str) and name.startswith(f"{self.prefix}.") for name in names):
            raise UnfitPluginError(f"it lists names that do not begin with '{self.prefix}.'")
        return tuple(sorted(set(names)))

    def make(self, name: str) -> object:
        """Make one provider.

        Args:
            name: Its whole name.

        Raises:
            UnfitPluginError: It failed to make it.
            ProviderNotFoundError: It knows no such name.
        """
        try:
            plugin = self.resolver.make_provider(name)
        except (KeyboardInterrupt, ProviderNotFoundError):
            raise
        except BaseException as exc:  # third-party code can raise anything
            module = module_of(self.resolver)
            raise UnfitPluginError(raised("make_provider", exc, module)) from exc
        return plugin


def load_family(prefix: str, claim: Claim) -> LoadedFamily:
    """Import a family.

    Args:
        prefix: Its entry-point name.
        claim: The one claim to it.

    Raises:
        UnfitPluginError: It cannot be imported or is no family.
    """
    resolver = load_claim(claim)
    refuse_non_plugin(resolver)
    if not isinstance(resolver, ProviderFamily):
        raise UnfitPluginError("it has no list_providers and make_provider")
    return LoadedFamily(prefix=prefix, claim=claim, resolver=resolver)
