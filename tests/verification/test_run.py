"""Clauses under pytest: held to their limits, waiting for their turn, and never passed unseen."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from avatar_core.testing.conformance import CLAUSES
from avatar_core.verification import suite
from avatar_core.verification.ledger import Ledger
from avatar_core.verification.plan import Cost, Plan
from avatar_core.verification.run import Verdict, VerificationError, _words, run_clauses
from avatar_core.verification.suite import _limited, suite_of
from avatar_core.verification.target import Target
from tests.verification.scripted_account import Caller, Cloud

SPEAKS = CLAUSES["speaks"]


def cost(seconds: float) -> Cost:
    return Cost(sessions=1, seconds=seconds, session_seconds=seconds)


async def test_a_clause_that_takes_longer_than_was_said_is_cut_off(
    cloud: Cloud, ledger: Ledger
) -> None:
    tidied: list[bool] = []

    async def test_speaks(self: Any) -> None:
        session = await Caller(ledger).start()
        try:
            await asyncio.Event().wait()
        finally:
            await Caller(ledger).end(session)
            tidied.append(True)

    test_speaks.conformance_clause = SPEAKS  # type: ignore[attr-defined] # as `clause` does
    with pytest.raises(AssertionError, match="it took longer than 0 s"):
        await _limited(test_speaks, cost(0.05), ledger)(None)
    assert tidied == [True] and ledger.unended == []
    # What comes after the clause creates nothing in its name.
    with pytest.raises(Exception, match="wanted more sessions"):
        await Caller(ledger).start()


async def test_a_start_waits_until_the_service_may_be_asked_again(
    target: Target, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(suite, "_MINUTE", 0.3)
    monkeypatch.setattr(suite, "_LOOK_SECONDS", 0.01)
    made = suite_of(target, patience=1.0, most_cancellations=1, environment={})
    made.ledger, made.starts_per_minute = ledger, 2
    ledger.starts += [time.monotonic(), time.monotonic()]
    await asyncio.wait_for(made().before_start(), 10)
    assert time.monotonic() - ledger.starts[-1] >= 0.3
    made.starts_per_minute = None
    await asyncio.wait_for(made().before_start(), 0.1)


def test_a_clause_that_pytest_does_not_find_is_no_clause_that_passed(ledger: Ledger) -> None:
    told: list[Verdict] = []
    plan = Plan(clauses={SPEAKS: cost(1.0)}, left_out={})
    with pytest.raises(VerificationError, match="pytest could not run the clauses"):
        run_clauses(plan, tell=told.append)
    assert told == []


def test_what_was_wrong_is_one_line_also_where_a_check_says_nothing() -> None:
    with pytest.raises(AssertionError) as caught:
        raise AssertionError
    assert _words(caught.value) == "this does not hold: raise AssertionError"
    assert _words(AssertionError("one\ntwo")) == "one"
    assert _words(KeyError("key")) == "KeyError: 'key'"
    assert _words(TimeoutError()) == "TimeoutError"
