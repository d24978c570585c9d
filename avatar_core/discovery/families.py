"""Provider families: one entry point that brings all names with its prefix."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from avatar_core.contract.errors import ProviderLoadError, ProviderNotFoundError
from avatar_core.discovery.entry_points import Claim, UnfitPluginError, load_claim, raised
from avatar_core.discovery.hook_checks import refuse_non_plugin
from avatar_core.discovery.provider_checks import module_of


@runtime_checkable
class ProviderFamily(Protocol):
    """What an entry point of the group ``avatar_core.provider_families`` points at.

    The entry point's name, with a dot, is the prefix of every provider of the family:
    ``livekit`` brings ``livekit.tavus``. Names are always given whole, prefix included.

    Two more methods are optional. ``missing_providers()`` maps names that it knows and cannot
    make, for something is not installed, to the command that installs it.
    ``adopt(object)`` makes a provider of an object that a caller gave in place of a name, or
    returns None where it is not of a kind it knows.
    """

    def list_providers(self) -> Iterable[str]:
        """List the names this family can make a provider of now, cheapest way possible."""

    def make_provider(self, name: str) -> object:
        """Make the provider of that name, an object with hooks.

        Args:
            name: The whole name, such as ``livekit.tavus``.

        Raises:
            ProviderNotFoundError: The family knows no such name; ``hint`` says what to install.
            ProviderLoadError: It is there, and cannot be made a provider of now.
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

    def missing(self) -> Mapping[str, str]:
        """Map names that could be there to the command that installs them.

        Raises:
            UnfitPluginError: It failed to say.
        """
        ask = getattr(self.resolver, "missing_providers", None)
        if ask is None:
            return {}
        try:
            return {str(name): str(command) for name, command in dict(ask()).items()}
        except Exception as exc:
            raise UnfitPluginError(
                raised("missing_providers", exc, module_of(self.resolver))
            ) from exc

    def adopt(self, found: object) -> object | None:
        """Make a provider of an object, or None where the family does not know its kind.

        Args:
            found: What a caller gave in place of a name.

        Raises:
            UnfitPluginError: It failed.
        """
        ask = getattr(self.resolver, "adopt", None)
        try:
            return ask(found) if ask is not None else None
        except Exception as exc:
            raise UnfitPluginError(raised("adopt", exc, module_of(self.resolver))) from exc

    def make(self, name: str) -> object:
        """Make one provider.

        Args:
            name: Its whole name.

        Raises:
            UnfitPluginError: It failed to make it.
            ProviderNotFoundError: It knows no such name.
            ProviderLoadError: It cannot make it now, as it says.
        """
        try:
            plugin = self.resolver.make_provider(name)
        except (KeyboardInterrupt, ProviderNotFoundError, ProviderLoadError):
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


def whole_name(short: str, families: Iterable[LoadedFamily]) -> str | None:
    """Find the one provider of a family whose name ends so; None where there is none.

    Args:
        short: The name behind the prefix.
        families: Where to look; one that cannot list is passed over.

    Raises:
        ProviderNotFoundError: Several end so; it names them.
    """
    found: list[str] = []
    for family in families:
        try:
            found += [name for name in family.names() if name == f"{family.prefix}.{short}"]
        except UnfitPluginError:
            continue
    if len(found) > 1:
        hint = f"write which: {' or '.join(map(repr, found))}"
        raise ProviderNotFoundError(short, installed=found, hint=hint)
    return found[0] if found else None


def missing_names(families: Iterable[LoadedFamily]) -> dict[str, str]:
    """Map what families know and is not installed to the command that installs it.

    Args:
        families: Where to ask; one that fails costs its advice.
    """
    found: dict[str, str] = {}
    for family in families:
        try:
            found.update(family.missing())
        except UnfitPluginError:
            continue
    return found
