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


_LATE = "not all of the matrix passed in one run, on a machine that was busy"

PROOFS: dict[str, Proof] = {
    "anam": Proof(version="1.8.9", agents="1.8.9", level="experimental", note=_LATE),
    "bey": Proof(version="1.8.9", agents="1.8.9", level="proven"),
    "did": Proof(version="1.8.9", agents="1.8.9", level="proven"),
    "keyframe": Proof(version="1.8.9", agents="1.8.9", level="experimental", note=_LATE),
    "lemonslice": Proof(version="1.8.9", agents="1.8.9", level="experimental", note=_LATE),
    "runway": Proof(version="1.8.9", agents="1.8.9", level="experimental", note=_LATE),
    "simli": Proof(version="1.8.9", agents="1.8.9", level="proven"),
    "tavus": Proof(version="1.8.9", agents="1.8.9", level="proven"),
}
"""By the name of the module behind ``livekit.plugins``; what is not here was not run."""
