"""What came of a call."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.chaos.call_plan import CallPlan
from tests.chaos.listening import Listened


@dataclass(kw_only=True)
class Outcome:
    """What came of a call.

    Args:
        plan: What was to happen.
        struck: Faults that found something to befall, with the sentence.
        sentences: What a listener heard of each; None where it was interrupted or killed.
        silences: Times of silence that were too long.
        orphans: Sessions, participants and processes that were left.
        hangs: What did not come to its end.
        leaks: What the agent's process kept.
        wrong: Promises broken otherwise.
        seconds: The call took.
        closing: Seconds that closing took.
        log: Of the agent's process.
    """

    plan: CallPlan
    struck: list[tuple[str, int]] = field(default_factory=list)
    sentences: list[Listened | None] = field(default_factory=list)
    silences: list[str] = field(default_factory=list)
    orphans: list[str] = field(default_factory=list)
    hangs: list[str] = field(default_factory=list)
    leaks: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    seconds: float = 0.0
    closing: float | None = None
    log: str = ""

    @property
    def violations(self) -> list[str]:
        """Everything that must not be."""
        named = {
            "silence": self.silences, "orphan": self.orphans, "hang": self.hangs,
            "leak": self.leaks, "wrong": self.wrong,
        }  # fmt: skip
        return [f"{kind}: {each}" for kind, found in named.items() for each in found]
