"""Puts LiveKit's client for browsers into what is built: an installed package needs no Node."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

VENDOR = "avatar_core/demo/live/web/vendor"


class LiveKitClientHook(BuildHookInterface):  # type: ignore[type-arg]
    """Takes the client from node_modules; without it the demo can record only."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the file and its licence to what is built.

        Args:
            version: ``standard`` or ``editable``; the latter finds node_modules by itself.
            build_data: Of hatchling.
        """
        package = Path(self.root, "node_modules", "livekit-client")
        client = package / "dist" / "livekit-client.esm.mjs"
        # A wheel that is made of a source distribution finds what was put into that.
        if version == "editable" or Path(self.root, VENDOR, client.name).is_file():
            return
        if not client.is_file():
            self.app.display_warning(
                "no node_modules/livekit-client: the wheel has no live demo page; run"
                " `python -m scripts.node_packages` and build again"
            )
            return
        for path in (client, package / "LICENSE"):
            if path.is_file():
                build_data["force_include"][str(path)] = f"{VENDOR}/{path.name}"
