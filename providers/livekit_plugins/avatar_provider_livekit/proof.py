"""How far each plugin was seen to work through this package, as run and not as hoped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What was run.

    Args:
        version: The plugin's version that was run.
        agents: The version of livekit-agents it was run with.
        level: ``proven``: the whole matrix passed in one run. ``experimental``: some of it ran and
            not all of it passed.
        note: What is missing.
    """

    version: str
    agents: str
    level: Literal["proven", "experimental"]
    note: str = ""


PROOFS: dict[str, Proof] = {}
"""By the name of the module behind ``livekit.plugins``; what is not here was not run."""
