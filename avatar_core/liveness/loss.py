"""The verdict that an avatar is lost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

LossKind = Literal["dead", "frozen", "deaf", "unpublished", "muted"]
"""How an avatar is lost: no sign of it at all; its picture stands still; what it should say is
not heard; it took a track away; it muted one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """What was lost and since when.

    Args:
        kind: How.
        reason: What was seen, in words, for people.
        heard_until: ``time.monotonic()`` up to which it was heard: of a dead avatar its last sign
            of life, else the last arrival of its sound.
    """

    kind: LossKind
    reason: str
    heard_until: float
