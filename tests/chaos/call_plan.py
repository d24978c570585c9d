"""What is going to happen in one call, decided by a seed alone."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

from tests.chaos.faults import FAULTS, Fault

SMALL: dict[str, Any] = {"size": 64, "fps": 10}
SENTENCE = (4.0, 7.0)
"""Seconds, from and to."""

CLOSINGS = ("face", "session", "room")


@dataclass(frozen=True, slots=True, kw_only=True)
class Strike:
    """A fault at a moment.

    Args:
        fault: Its name in ``FAULTS``.
        sentence: In which sentence, from 0.
        after: Seconds after that sentence was said.
    """

    fault: str
    sentence: int
    after: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CallPlan:
    """One call.

    Args:
        number: Of the call; with the seed it says everything else.
        candidates: Providers with options, in the order in which they are tried.
        policy: The session's.
        loss: Percent of all packets of the media port that get lost during the call.
        sentences: Seconds of each; the last is said when all is over, and has to be heard.
        strikes: What happens.
        closing: What is closed at the end: the face, the AgentSession, or the room.
        race: The closing begins while a switch is under way.
    """

    number: int
    candidates: tuple[dict[str, Any], ...]
    policy: dict[str, Any]
    loss: int
    sentences: tuple[float, ...]
    strikes: tuple[Strike, ...]
    closing: str
    race: bool

    def describe(self) -> str:
        """One line for the report."""
        names = "+".join(each["provider"] for each in self.candidates)
        acts = ", ".join(f"{s.fault} @{s.sentence}:{s.after:.1f}" for s in self.strikes)
        more = f", {self.loss} % loss" if self.loss else ""
        race = " racing a switch" if self.race else ""
        return f"{names}{more}: {acts}; closed: {self.closing}{race}"


def candidate(kind: str) -> dict[str, Any]:
    """Return what a candidate of a kind is given."""
    if kind == "protoface":
        return {"provider": "protoface", "options": {}}
    return {"provider": "mock", "options": {**SMALL, "worker": kind}}


MIXES = (
    ("process", "inline"),
    ("process",),
    ("protoface", "process"),
    ("protoface",),
    ("protoface", "protoface"),
    ("process", "protoface"),
)


def plan_call(number: int, *, seed: int, network: bool) -> CallPlan:
    """Decide what happens in a call.

    Args:
        number: Every kind of fault has its turn as the first one of a call.
        seed: Of the run.
        network: Whether loss and cuts can be made.
    """
    chance = random.Random(f"{seed}/{number}")
    usable = {name: each for name, each in FAULTS.items() if network or not each.network}
    first = list(usable)[number % len(usable)]
    mixes = [mix for mix in MIXES if usable[first].strikes(mix[0])]
    mix = chance.choice(mixes)
    sentences = tuple(chance.uniform(*SENTENCE) for _ in range(chance.choice((1, 2, 2))))
    strikes = [_strike(first, 0, sentences, chance)]
    fatal = usable[first].fatal
    for index, _ in enumerate(sentences):
        if not fatal and chance.random() < 0.5:
            more = chance.choice([name for name, each in usable.items() if not each.fatal])
            strikes.append(_strike(more, index, sentences, chance))
    return CallPlan(
        number=number,
        candidates=tuple(candidate(kind) for kind in mix),
        policy={"while_joining": chance.choice(("wait", "voice")), "join_timeout": 30.0},
        loss=2 if network and chance.random() < 0.2 else 0,
        sentences=(*sentences, 3.0),
        strikes=tuple(sorted(strikes, key=lambda each: (each.sentence, each.after))),
        closing=chance.choice(CLOSINGS),
        race=first == "switch and close" or chance.random() < 0.1,
    )


def _strike(
    fault: str, sentence: int, sentences: tuple[float, ...], chance: random.Random
) -> Strike:
    return Strike(
        fault=fault,
        sentence=sentence,
        after=chance.uniform(0.3, sentences[sentence] - 0.5),
    )


def faults_of(plan: CallPlan) -> list[Fault]:
    """Return the plan's faults."""
    return [FAULTS[each.fault] for each in plan.strikes]
