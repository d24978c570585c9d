"""What the person at the terminal reads: the cost first, a line a clause, the bill."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from avatar_core.cli.output import printable
from avatar_core.contract.models import Finding
from avatar_core.verification.aftermath import Aftermath
from avatar_core.verification.ledger import Entry, Ledger
from avatar_core.verification.plan import Plan
from avatar_core.verification.run import Outcome, Verdict
from avatar_core.verification.target import ServerAtUrl, Target

Tell = Callable[[str], None]
"""Prints one line."""

_IDS = 14
"""Columns for the name of a clause."""


def tell_cost(
    tell: Tell,
    target: Target,
    plan: Plan,
    server: ServerAtUrl | None,
    *,
    starts_per_minute: int | None,
) -> None:
    """Say what is going to be done and what it costs at most.

    Args:
        tell: Prints.
        target: Who is verified.
        plan: What is done.
        server: The LiveKit server; None for one on this machine.
        starts_per_minute: How many starts there may be; None for any number.
    """
    where = target.service or "its service"
    stand_in = ", which is on this machine: no proof about the real service" * target.is_here
    tell(f"Verifies {target.name} against {where}{stand_in}.")
    rate = f", {starts_per_minute} a minute at most" if starts_per_minute else ""
    tell(
        f"Cost: creates at most {_count(plan.sessions, 'session')}{rate}, which run for at most"
        f" {_count(plan.session_minutes, 'minute')} all together, on your account. A vendor that"
        " bills started minutes bills one for each session at least."
    )
    tell(
        f"Length: at most {_count(plan.minutes, 'minute')}, for"
        f" {_count(len(plan.clauses), 'clause')}: {', '.join(each.id for each in plan.clauses)}."
        " A clause ends as soon as it is proved: without failures it takes a fraction of that."
    )
    calls = f"at {server.url}" if server is not None else "on a LiveKit server on this machine"
    tell(f"Calls: {calls}.")
    by_reason: dict[str, list[str]] = {}
    for name, reason in plan.left_out.items():
        by_reason.setdefault(reason, []).append(name)
    for reason, names in by_reason.items():
        tell(f"Left out: {', '.join(names)}: {reason}.")


def tell_findings(tell: Tell, findings: tuple[Finding, ...]) -> None:
    """Say what the provider itself finds.

    Args:
        tell: Prints.
        findings: Of its check.
    """
    for each in findings:
        remedy = f": {each.remedy}" if each.remedy else ""
        tell(f"Check: {each.level}: {each.message}{remedy}")


def tell_verdict(tell: Tell, verdict: Verdict, *, sessions: int, details: bool) -> None:
    """Say how a clause ended.

    Args:
        tell: Prints.
        verdict: How.
        sessions: How many it has created.
        details: Also say where it went wrong.
    """
    clause = verdict.clause
    took = f"{verdict.seconds:6.1f} s  {_count(sessions, 'session')}"
    if verdict.passed:
        tell(f"ok      {clause.id:{_IDS}}{took}")
        return
    tell(f"FAILED  {clause.id:{_IDS}}{took}")
    tell(f"        {verdict.words}")
    tell(f"        Promised: {clause.sentence}")
    tell(f"        See {clause.link}")
    if details:
        for line in verdict.details.splitlines():
            tell(f"        | {line}")


def tell_end(
    tell: Tell,
    outcome: Outcome | None,
    plan: Plan,
    ledger: Ledger,
    aftermath: Aftermath | None,
) -> None:
    """Say what it came to.

    Args:
        tell: Prints.
        outcome: Of the clauses; None if they could not be run.
        plan: What was to be done.
        ledger: What was created.
        aftermath: What is left; None if that could not be found out.
    """
    billed = _billed(aftermath)
    for entry in ledger.entries:
        tell(f"Session {_entry(entry, billed)}")
    total = sum(each.seconds for each in ledger.entries)
    told = f"; the vendor says it bills {sum(billed.values()):.0f} s" if billed else ""
    tell(
        f"Created {_count(len(ledger.entries), 'session')} of {plan.sessions} announced, which ran"
        f" for {total:.0f} s as measured here{told}."
    )
    tell(_living(ledger, aftermath))
    for trouble in aftermath.troubles if aftermath is not None else ():
        tell(f"Not well: {trouble}")
    for remedy in _remedies(ledger):
        tell(remedy)
    if outcome is None:
        return
    passed = sum(each.passed for each in outcome.verdicts)
    failed = [each.clause.id for each in outcome.verdicts if not each.passed]
    missing = len(plan.clauses) - len(outcome.verdicts)
    parts = [f"{passed} passed", f"{len(failed)} failed", f"{len(plan.left_out)} left out"]
    if missing:
        parts.append(f"{missing} not reached ({_STOPPED[outcome.stopped or 'interrupted']})")
    tell(f"Clauses: {', '.join(parts)}." + (f" Failed: {', '.join(failed)}." if failed else ""))


def report_json(
    target: Target,
    outcome: Outcome | None,
    plan: Plan,
    ledger: Ledger,
    aftermath: Aftermath | None,
    findings: tuple[Finding, ...],
) -> dict[str, Any]:
    """Return the same for JSON; keys are added over time, never removed.

    Args:
        target: Who was verified.
        outcome: As in ``tell_end``.
        plan: As in ``tell_end``.
        ledger: As in ``tell_end``.
        aftermath: As in ``tell_end``.
        findings: Of the provider's own check; an error among them is why there is no outcome.
    """
    verdicts = outcome.verdicts if outcome is not None else ()
    listed = aftermath.listed if aftermath is not None else None
    billed = _billed(aftermath)
    return {
        "provider": target.name,
        "service": target.service,
        "real": not target.is_here,
        "announced": {
            "sessions": plan.sessions,
            "session_minutes": plan.session_minutes,
            "minutes": plan.minutes,
        },
        "clauses": [
            {
                "id": each.clause.id,
                "passed": each.passed,
                "seconds": round(each.seconds, 1),
                "reason": each.words,
                "link": each.clause.link,
            }
            for each in verdicts
        ],
        "left_out": plan.left_out,
        "stopped": outcome.stopped if outcome is not None else "check",
        "findings": [
            {"level": each.level, "message": each.message, "remedy": each.remedy}
            for each in findings
        ],
        "sessions": [
            {
                "id": each.session_id,
                "clause": each.clause,
                "ended": each.ended is not None,
                "seconds": round(each.seconds, 1),
                "billed_seconds": billed.get(each.session_id or ""),
            }
            for each in ledger.entries
        ],
        "living": None if listed is None else [each.session_id for each in listed],
        "troubles": list(aftermath.troubles) if aftermath is not None else [],
    }


_STOPPED = {"interrupted": "it was interrupted", "refused": "the key is refused"}


def _billed(aftermath: Aftermath | None) -> dict[str, float]:
    usage = aftermath.usage if aftermath is not None else {}
    return {session_id: each.billed_seconds for session_id, each in usage.items()}


def _entry(entry: Entry, billed: Mapping[str, float]) -> str:
    name = printable(entry.session_id) if entry.session_id else "without an id"
    state = "ran" if entry.ended is not None else "NOT ENDED, has run"
    seconds = billed.get(entry.session_id or "")
    told = f", billed {seconds:.0f} s" if seconds is not None else ""
    return f"{name} ({entry.clause}): {state} {entry.seconds:.1f} s{told}"


def _living(ledger: Ledger, aftermath: Aftermath | None) -> str:
    if aftermath is None and not ledger.entries:
        return "Nothing was created."
    if aftermath is None or aftermath.listed is None:
        return "What still lives at the vendor is not known: it did not tell."
    ours = {each.session_id for each in aftermath.living(ledger)}
    if not aftermath.listed:
        return "The vendor lists no living session."
    rows = [
        f"{printable(each.session_id)} ({printable(each.status)},"
        f" {'of this run' if each.session_id in ours else 'ending' if each.ending else 'another'})"
        for each in aftermath.listed
    ]
    return f"The vendor lists {_count(len(rows), 'living session')}: {', '.join(rows)}."


def _remedies(ledger: Ledger) -> Iterator[str]:
    """Say how to end what could not be ended here."""
    ids = [each.session_id for each in ledger.unended if each.session_id is not None]
    # Behind the dashes, as an id may begin with one.
    words = " ".join(shlex.quote(printable(each)) for each in ids)
    if ids:
        yield f"To end what is left: avatar sessions end --provider {ledger.provider} -- {words}"
    if len(ids) < len(ledger.unended):
        yield f"To look for what is left: avatar sessions reap --provider {ledger.provider}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")
