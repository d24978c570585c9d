"""Some of the calls of ``make chaos``, each kind of fault at least once."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.call_plan import CallPlan, plan_call
from tests.chaos.faults import FAULTS

MINUTES = 6
PROMISES = ("silences", "orphans", "hangs", "leaks", "wrong")


def faults_in(plan: CallPlan) -> set[str]:
    return {strike.fault for strike in plan.strikes}


def few_calls_with_every_fault() -> list[int]:
    """Return numbers of calls of ``make chaos``, the ones with the most kinds first."""
    plans = [plan_call(number, seed=1, network=True) for number in range(200)]
    missing, chosen = set(FAULTS), []
    while missing:
        plan = max(plans, key=lambda each: len(missing & faults_in(each)))
        assert missing & faults_in(plan), f"no call of 200 has {missing}"
        missing -= faults_in(plan)
        chosen.append(plan.number)
    return chosen


def test_every_kind_of_fault_has_its_turn_as_the_first_of_a_call() -> None:
    plans = [plan_call(number, seed=1, network=True) for number in range(len(FAULTS))]
    assert set().union(*(faults_in(plan) for plan in plans)) == set(FAULTS)


def test_a_seed_decides_everything() -> None:
    once, again = ([plan_call(n, seed=7, network=True) for n in range(50)] for _ in range(2))
    assert once == again
    assert once != [plan_call(n, seed=8, network=True) for n in range(50)]


async def run_calls(numbers: Iterable[int], folder: Path) -> tuple[list[dict[str, Any]], str]:
    """Run calls of ``make chaos``; returns what came of each, and all of it in words."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.chaos", "--at-once", "2", "--out", str(folder),
        "--only", *map(str, numbers),
        stderr=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        out, err = await asyncio.wait_for(process.communicate(), 60 * MINUTES)
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
    words = f"{out.decode()}\n{err.decode()[-5000:]}"
    lines = (folder / "calls.jsonl").read_text(encoding="utf-8").splitlines()
    outcomes = [json.loads(line) for line in lines]
    failed = [each["number"] for each in outcomes if broken_promises(each)]
    assert process.returncode == bool(failed), words
    return outcomes, words


def broken_promises(outcome: dict[str, Any]) -> list[str]:
    return [each for kind in PROMISES for each in outcome[kind]]


@pytest.mark.timeout(180 * MINUTES + 60)
async def test_calls_in_which_things_go_wrong_stay_audible_and_leave_nothing(
    tmp_path: Path,
) -> None:
    numbers = few_calls_with_every_fault()
    words = ""
    # What is heard, and when, is a matter of the machine too: that gets two more tries, like all
    # tests that hear. What was left behind is not.
    for attempt in ("first", "again", "once more"):
        outcomes, more = await run_calls(numbers, tmp_path / attempt)
        words += more
        assert sorted(each["number"] for each in outcomes) == sorted(numbers), words
        late = [each for each in outcomes if each["silences"] or each["wrong"]]
        for each in outcomes:
            assert {*each["silences"], *each["wrong"]}.issuperset(broken_promises(each)), words
        if not late:
            return
        numbers = [each["number"] for each in late]
    pytest.fail(f"calls {numbers} were not right in any of three tries\n{words}")
