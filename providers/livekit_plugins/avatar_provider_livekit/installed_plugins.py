"""Which LiveKit avatar plugins are installed; none is imported to find out."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from avatar_provider_livekit.known_plugins import KNOWN_PLUGINS

PLUGIN_GROUP = "avatar_core.livekit_plugins"
"""Entry points of classes that are avatar plugins and no module of ``livekit.plugins``."""

NAMESPACE = "livekit.plugins"
CLASS = "AvatarSession"


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledPlugin:
    """A plugin that can be imported.

    Args:
        name: Its name, without the family's prefix.
        module: The module its class is in.
        attribute: The class.
        distribution: Who brings it; None where that is not known.
    """

    name: str
    module: str
    attribute: str = CLASS
    distribution: str | None = None

    def load(self) -> type:
        """Import it and return its class.

        Raises:
            ImportError: It cannot be imported, or has no such class.
            RuntimeError: LiveKit's plugins can be imported on the main thread only.
        """
        module = importlib.import_module(self.module)
        try:
            found = getattr(module, self.attribute)
        except AttributeError as exc:
            raise ImportError(f"{self.module} has no {self.attribute}", name=self.module) from exc
        if not isinstance(found, type):
            raise ImportError(f"{self.module}.{self.attribute} is no class", name=self.module)
        return found


def installed_plugins() -> dict[str, InstalledPlugin]:
    """Return the plugins that are installed, by name."""
    found = {plugin.name: plugin for plugin in _of_the_namespace()}
    found["inference"] = InstalledPlugin(
        name="inference", module="livekit.agents.inference", distribution="livekit-agents"
    )
    for entry in importlib.metadata.entry_points(group=PLUGIN_GROUP):
        module, _, attribute = entry.value.partition(":")
        found[entry.name] = InstalledPlugin(
            name=entry.name,
            module=module.strip(),
            attribute=attribute.strip() or CLASS,
            distribution=entry.dist.name if entry.dist is not None else None,
        )
    return found


def _of_the_namespace() -> Iterator[InstalledPlugin]:
    spec = importlib.util.find_spec(NAMESPACE)
    for folder in (spec.submodule_search_locations or ()) if spec is not None else ():
        for path in sorted(Path(folder).glob("*/__init__.py")):
            name = path.parent.name
            if name in KNOWN_PLUGINS or _exports_the_class(path):
                yield InstalledPlugin(
                    name=name,
                    module=f"{NAMESPACE}.{name}",
                    distribution=f"livekit-plugins-{name}",
                )


def _exports_the_class(path: Path) -> bool:
    # LiveKit's plugins for speech are in the same namespace, and importing takes seconds.
    return CLASS in path.read_text(encoding="utf-8", errors="replace")
