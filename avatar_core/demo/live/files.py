"""The files of the page, and LiveKit's client beside them."""

from __future__ import annotations

from pathlib import Path

from avatar_core.contract.errors import ConfigurationError

WEB = Path(__file__).with_name("web")
CLIENT_NAME = "livekit-client.esm.mjs"

_FOLDERS = (
    # Put there when the wheel is built.
    WEB / "vendor",
    # A clone of the project, where npm put it.
    Path(__file__).parents[3] / "node_modules" / "livekit-client" / "dist",
)


def find_client() -> Path | None:
    """Return LiveKit's client for browsers, None where it is missing."""
    return next((path for each in _FOLDERS if (path := each / CLIENT_NAME).is_file()), None)


def livekit_client() -> Path:
    """Return LiveKit's client for browsers.

    Raises:
        ConfigurationError: It is missing: a clone in which it was not installed.
    """
    found = find_client()
    if found is None:
        raise ConfigurationError(
            "the page needs livekit-client, which is not in this clone yet: run"
            " `.venv/bin/python -m scripts.node_packages`, or record a call instead: --record"
        )
    return found
