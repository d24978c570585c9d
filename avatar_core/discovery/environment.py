"""The environment variables that discovery reads."""

from __future__ import annotations

import os

PROVIDER_VARIABLE = "AVATAR_PROVIDER"
BLOCKED_VARIABLE = "AVATAR_BLOCKED_PROVIDERS"
EXTENSIONS_VARIABLE = "AVATAR_EXTENSIONS"


def names_in(variable: str) -> tuple[str, ...]:
    """Read a comma-separated variable: order kept, blanks and repetitions dropped."""
    parts = (part.strip() for part in os.environ.get(variable, "").split(","))
    return tuple(dict.fromkeys(part for part in parts if part))
