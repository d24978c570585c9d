"""The process-wide registries, and the public functions on them."""

from __future__ import annotations

import os

from avatar_core.contract.errors import AvatarError
from avatar_core.discovery.environment import PROVIDER_VARIABLE
from avatar_core.discovery.extensions import ExtensionRegistry, LoadedExtension
from avatar_core.discovery.loaded import LoadedProvider, ProviderListing
from avatar_core.discovery.registry import ProviderRegistry
from avatar_core.discovery.selection_grammar import parse_selection

# Empty until asked: making them reads no metadata and imports no provider.
_providers = ProviderRegistry()
_extensions = ExtensionRegistry()


def default_registry() -> ProviderRegistry:
    """Give the provider registry of this process."""
    return _providers


def default_extensions() -> ExtensionRegistry:
    """Give the extension registry of this process."""
    return _extensions


def get_provider(name: str) -> LoadedProvider:
    """Give one provider, importing it at its first use.

    Args:
        name: Its name, such as ``mock``.

    Raises:
        ProviderNotFoundError: Nobody has that name.
        ProviderLoadError: It is there and cannot be used.
    """
    return default_registry().get(name)


def list_providers(load: bool = False) -> tuple[ProviderListing, ...]:
    """List what is installed and registered, sorted by name.

    Args:
        load: Import every one, each in isolation, to tell which are broken. Without it only
            metadata is read and nothing is imported.
    """
    return default_registry().list_providers(load=load)


def register_provider(
    plugin: object, *, name: str | None = None, replace: bool = False
) -> LoadedProvider:
    """Register a provider that is part of the application and not installed as a package.

    Args:
        plugin: A module or an object with hooks.
        name: Its name; None takes the one ``describe_provider`` states.
        replace: Take the name over from whoever has it, an installed provider too.

    Raises:
        ProviderLoadError: It cannot be used, or the name is taken.
    """
    return default_registry().register(plugin, name=name, replace=replace)


def unregister_provider(name: str) -> None:
    """Take back ``register_provider``; sessions under way keep their provider.

    Args:
        name: The name it was registered under.

    Raises:
        ProviderNotFoundError: Nothing was registered in code under that name.
    """
    default_registry().unregister(name)


def register_extension(plugin: object, *, name: str | None = None) -> LoadedExtension:
    """Activate an extension from code: it sees every provider call, tokens included.

    Args:
        plugin: A module or an object with ``around_call``.
        name: Its name; None takes that of its module or class.

    Raises:
        ConfigurationError: It cannot be used, or the name is taken.
    """
    return default_extensions().register(plugin, name=name)


def unregister_extension(name: str) -> None:
    """Deactivate an extension that was registered in code.

    Args:
        name: Its name.

    Raises:
        ConfigurationError: No extension was registered under that name.
    """
    default_extensions().unregister(name)


def active_extensions() -> tuple[LoadedExtension, ...]:
    """List the active extensions, outermost first.

    Raises:
        ConfigurationError: ``AVATAR_EXTENSIONS`` names one that is not there or is broken.
    """
    return default_extensions().active()


def preload() -> tuple[LoadedProvider, ...]:
    """Import what ``AVATAR_PROVIDER`` names, in the calling thread.

    Call it at module level of the agent, on the main thread, where LiveKit's plugins have to be
    imported, and so that the first call does not pay for it. Every provider named is tried before
    the first error is raised. Unset or ``off``: nothing is done.

    Raises:
        ConfigurationError: The variable does not follow the grammar.
        ProviderNotFoundError: It names a provider that is not there.
        ProviderLoadError: It names one that cannot be used.
    """
    text = os.environ.get(PROVIDER_VARIABLE, "").strip()
    if not text:
        return ()
    loaded: list[LoadedProvider] = []
    errors: list[AvatarError] = []
    for candidate in parse_selection(text, source=PROVIDER_VARIABLE):
        try:
            loaded.append(default_registry().get(candidate.name))
        except AvatarError as exc:
            errors.append(exc)
    if errors:
        raise errors[0]
    return tuple(loaded)
