"""What a run of many calls is told as."""

from __future__ import annotations

import dataclasses
import json
import statistics
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from tests.chaos.listening import Listened
from tests.chaos.outcome import Outcome


def totals(outcomes: Sequence[Outcome]) -> dict[str, int]:
    """Count calls, faults, and what must not be."""
    return {
        "calls": len(outcomes),
        "faults": sum(len(each.struck) for each in outcomes),
        "silences over 2 s": sum(len(each.silences) for each in outcomes),
        "orphans": sum(len(each.orphans) for each in outcomes),
        "hangs": sum(len(each.hangs) for each in outcomes),
        "leaks": sum(len(each.leaks) for each in outcomes),
        "other promises broken": sum(len(each.wrong) for each in outcomes),
    }


def by_fault(outcomes: Sequence[Outcome]) -> dict[str, list[Listened]]:
    """Return the sentences in which exactly one fault struck, by that fault."""
    found: dict[str, list[Listened]] = defaultdict(list)
    for outcome in outcomes:
        struck: dict[int, list[str]] = defaultdict(list)
        for fault, sentence in outcome.struck:
            struck[sentence].append(fault)
        for sentence, faults in struck.items():
            if len(faults) == 1 and sentence < len(outcome.sentences):
                listened = outcome.sentences[sentence]
                if listened is not None:
                    found[faults[0]].append(listened)
    return dict(found)


def markdown(
    outcomes: Sequence[Outcome], *, seed: int, network: bool, seconds: float, healthy: str
) -> str:
    """Write the report.

    Args:
        outcomes: Of all calls.
        seed: They were planned with.
        network: Whether loss and cuts were made.
        seconds: The calls took.
        healthy: A sentence on the call without faults.
    """
    lines = [
        "# Chaos report",
        "",
        f"Seed {seed}, {seconds / 60:.0f} minutes"
        + ("." if network else ", without loss and cuts of the network."),
        "",
        "| what | number |",
        "| --- | --- |",
        *(f"| {what} | {number} |" for what, number in totals(outcomes).items()),
        "",
        "Sentences in which one fault struck, at a listener, in seconds: the median and the worst.",
        "",
        "| fault | struck | sentences | silence | lost | repeated |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    struck: dict[str, int] = defaultdict(int)
    for outcome in outcomes:
        for fault, _ in outcome.struck:
            struck[fault] += 1
    alone = by_fault(outcomes)
    for fault in sorted(struck):
        heard = alone.get(fault, [])
        values = [_spread([getattr(x, name) for x in heard]) for name in ("silence", "lost")]
        values.append(_spread([x.repeated for x in heard]))
        lines.append(f"| {fault} | {struck[fault]} | {len(heard)} | {' | '.join(values)} |")
    closings = [each.closing for each in outcomes if each.closing is not None]
    if closings:
        lines += ["", f"Closing: {_spread(closings)} s."]
    lines += ["", healthy]
    broken = [each for each in outcomes if each.violations]
    if broken:
        lines += ["", "## What must not be", ""]
        for each in broken:
            lines.append(f"- call {each.plan.number} ({each.plan.describe()})")
            lines += [f"    - {violation}" for violation in each.violations]
    return "\n".join(lines) + "\n"


def as_json(outcome: Outcome) -> str:
    """Write all that was found of a call as one line."""
    row: dict[str, Any] = dataclasses.asdict(outcome)
    row |= {"plan": outcome.plan.describe(), "number": outcome.plan.number}
    if not outcome.violations:
        del row["log"]
    return json.dumps(row) + "\n"


def _spread(values: Sequence[float]) -> str:
    return f"{statistics.median(values):.2f} / {max(values):.2f}" if values else "-"
