"""The provider family ``livekit.``: what the package's entry point names."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterable, Mapping

from avatar_core.contract.errors import ProviderLoadError, ProviderNotFoundError
from avatar_provider_livekit.installed_plugins import InstalledPlugin, installed_plugins
from avatar_provider_livekit.known_plugins import INFERENCE, KNOWN_PLUGINS, UNKNOWN, KnownPlugin

PREFIX = "livekit."


class LiveKitPlugins:
    """Lists the avatar plugins that are installed, and makes a provider of one or of its object."""

    def list_providers(self) -> Iterable[str]:
        """List what is installed; no plugin is imported."""
        return [f"{PREFIX}{name}" for name in installed_plugins()]

    def missing_providers(self) -> Mapping[str, str]:
        """Map what is known and not installed to what installs it."""
        installed = installed_plugins()
        return {
            f"{PREFIX}{name}": f"pip install livekit-plugins-{name}"
            for name in KNOWN_PLUGINS
            if name not in installed
        }

    def make_provider(self, name: str) -> object:
        """Import a plugin and make its provider.

        Args:
            name: The whole name, such as ``livekit.tavus``.

        Raises:
            ProviderNotFoundError: It is not installed; the hint says what to install.
            ProviderLoadError: It cannot be imported, or not in this thread.
        """
        installed = installed_plugins()
        short = name.removeprefix(PREFIX)
        plugin = installed.get(short)
        if plugin is None:
            known = [f"{PREFIX}{each}" for each in installed]
            raise ProviderNotFoundError(name, installed=known, hint=self._hint(name, short))
        from avatar_provider_livekit.plugin_provider import PluginProvider

        return PluginProvider(name=name, plugin=_load(name, plugin), known=known_as(short))

    def adopt(self, found: object) -> object | None:
        """Make a provider of an object of a plugin's class, or of a subclass.

        Args:
            found: What was given in place of a provider's name.

        Returns:
            The provider; None where the object is no LiveKit avatar.
        """
        from livekit.agents.voice.avatar import AvatarSession

        if not isinstance(found, AvatarSession):
            return None
        from avatar_provider_livekit.plugin_provider import PluginProvider

        short = _short_name(type(found))
        return PluginProvider(
            name=f"{PREFIX}{short}", plugin=type(found), known=known_as(short), wrapped=found
        )

    def _hint(self, name: str, short: str) -> str:
        if short in KNOWN_PLUGINS:
            return f"its plugin is not installed: {self.missing_providers()[name]}"
        return "no installed package brings such a plugin; 'avatar providers --check' lists all"


FAMILY = LiveKitPlugins()


def known_as(short: str) -> KnownPlugin:
    """Return what is known of a plugin.

    Args:
        short: Its name, without the prefix.
    """
    return INFERENCE if short == "inference" else KNOWN_PLUGINS.get(short, UNKNOWN)


def _load(name: str, plugin: InstalledPlugin) -> type:
    on_main = threading.current_thread() is threading.main_thread()
    if not on_main and plugin.module not in sys.modules:
        raise ProviderLoadError(
            name,
            "LiveKit's plugins can be imported on the main thread only, and this is another one:"
            f" call avatar_core.preload() or 'import {plugin.module}' at the top of the agent's"
            " module",
            distribution=plugin.distribution,
        )
    try:
        return plugin.load()
    except KeyboardInterrupt:
        raise
    except BaseException as exc:  # a third-party import can raise anything
        raise ProviderLoadError(
            name,
            f"importing {plugin.module!r} raised {type(exc).__name__}; to see it whole:"
            f" python -c 'import {plugin.module}'",
            distribution=plugin.distribution,
        ) from exc


def _short_name(plugin: type) -> str:
    for owner in plugin.__mro__:
        parts = owner.__module__.split(".")
        if parts[:2] == ["livekit", "plugins"] and len(parts) > 2:
            return parts[2]
        if parts[:3] == ["livekit", "agents", "inference"]:
            return "inference"
    return plugin.__module__.partition(".")[0].lower().replace("__main__", "own")
