"""Which clauses are verified, and what that costs at most: known before anything is created."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from avatar_core.contract.errors import ConfigurationError
from avatar_core.testing.conformance import CLAUSES, Clause, ProviderConformance
from avatar_core.testing.conformance.clauses import clause_of
from avatar_core.testing.conformance.collecting import why_not

CALL_SECONDS = 60.0
"""Longest a call may take, beside the time that its avatar gets to join."""

CANCELLED_SECONDS = 15.0
"""Longest a start that is cancelled may take, with its end."""

CLEAN_UP_SECONDS = 20.0
"""Longest a clause that is cut off may take to end what it has started."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a clause may cost; more it does not get.

    Args:
        sessions: Sessions that it may create.
        seconds: How long it may take until it is cut off, its waiting for turns included.
        session_seconds: How long its sessions may run, all together.
    """

    sessions: int
    seconds: float
    session_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is going to be done.

    Args:
        clauses: Each with what it may cost, in order.
        left_out: Those that are not verified, by id, each with the reason.
    """

    clauses: dict[Clause, Cost]
    left_out: dict[str, str]

    @property
    def sessions(self) -> int:
        """Sessions that are created at most."""
        return sum(each.sessions for each in self.clauses.values())

    @property
    def minutes(self) -> int:
        """How long it takes at most."""
        whole = sum(each.seconds + CLEAN_UP_SECONDS for each in self.clauses.values())
        return math.ceil(whole / 60)

    @property
    def session_minutes(self) -> int:
        """How long its sessions run at most, all together."""
        return math.ceil(sum(each.session_seconds for each in self.clauses.values()) / 60)


def make_plan(
    suite: type[ProviderConformance],
    *,
    only: Sequence[str] = (),
    without: Sequence[str] = (),
    starts_per_minute: int | None,
) -> Plan:
    """Choose the clauses that apply and are asked for.

    Args:
        suite: The provider's test class.
        only: Ids of those to verify; all without any.
        without: Ids of those to leave out.
        starts_per_minute: How many starts there may be; None for any number.

    Raises:
        ConfigurationError: There is no such clause, or none is left.
    """
    for unknown in [each for each in (*only, *without) if each not in CLAUSES]:
        close = difflib.get_close_matches(unknown, CLAUSES, n=1)
        meant = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(CLAUSES)}"
        raise ConfigurationError(f"no clause is called {unknown[:40]!r}: {meant}")
    chosen: dict[Clause, Cost] = {}
    left_out: dict[str, str] = {}
    for clause in in_order(suite):
        if only and clause.id not in only:
            left_out[clause.id] = "not asked for"
        elif clause.id in without:
            left_out[clause.id] = "left out by --without"
        elif (reason := why_not(suite, clause)) is not None:
            left_out[clause.id] = reason
        else:
            chosen[clause] = cost_of(clause, suite, starts_per_minute=starts_per_minute)
    if not chosen:
        reasons = "; ".join(f"{name}: {left_out[name]}" for name in only if name in left_out)
        raise ConfigurationError(f"no clause is left to verify ({reasons or 'all are left out'})")
    return Plan(clauses=chosen, left_out=left_out)


def cost_of(
    clause: Clause, suite: type[ProviderConformance], *, starts_per_minute: int | None
) -> Cost:
    """Return what a clause may cost.

    Args:
        clause: Which.
        suite: The provider's test class.
        starts_per_minute: How many starts there may be; None for any number.
    """
    cancelled = suite.most_cancellations if clause.each_cancelled else 0
    calls = (CALL_SECONDS + suite.patience) * max(clause.sessions, 1)
    running = calls + CANCELLED_SECONDS * cancelled
    sessions = clause.sessions + cancelled
    # Before a start a whole minute may have to pass, and further ones for what one does not hold.
    waits = math.ceil(max(sessions, 1) / starts_per_minute) * 60.0 if starts_per_minute else 0.0
    whole = running + waits + CLEAN_UP_SECONDS
    return Cost(
        sessions=sessions,
        seconds=running + waits,
        session_seconds=whole * clause.at_once if sessions else 0.0,
    )


def in_order(suite: type[ProviderConformance]) -> Iterator[Clause]:
    """Yield the clauses of a suite as the page has them: what all others need comes first.

    Args:
        suite: The test class.
    """
    told: set[str] = set()
    for base in reversed(suite.__mro__):
        for function in vars(base).values():
            clause = clause_of(function)
            if clause is not None and clause.id not in told:
                told.add(clause.id)
                yield clause
