"""Many calls in which things go wrong: ``make chaos``, or ``python -m tests.chaos --help``."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from avatar_core.livekit_server import LiveKitServer
from avatar_core.testing.lossy_network import LossyNetwork
from tests.chaos.call_plan import CallPlan, plan_call
from tests.chaos.chaos_call import chaos_call
from tests.chaos.healthy_hour import MINUTES, healthy_call
from tests.chaos.outcome import Outcome
from tests.chaos.report import as_json, markdown

CALLS = 200
AT_ONCE = 5


async def run_calls(
    plans: Sequence[CallPlan], *, at_once: int, network: LossyNetwork | None, calls_log: Path
) -> list[Outcome]:
    """Run calls, some side by side.

    Args:
        plans: What happens in each.
        at_once: How many run at a time.
        network: What can lose packets and cut.
        calls_log: File to write each call to as soon as it is over.
    """
    outcomes: list[Outcome] = []
    with tempfile.TemporaryDirectory(prefix="avatar-chaos-") as folder:
        async with await LiveKitServer.start_async() as server:
            losses = _Losses(network, server.ports.media)

            async def run_some(waiting: list[CallPlan]) -> None:
                while waiting:
                    plan = waiting.pop(0)
                    with losses.during(plan):
                        outcome = await run_call(server, plan, network=network, folder=Path(folder))
                    outcomes.append(outcome)
                    with calls_log.open("a", encoding="utf-8") as lines:
                        lines.write(as_json(outcome))
                    tell(outcome, done=len(outcomes), of=len(plans))

            waiting = list(plans)
            await asyncio.gather(*(run_some(waiting) for _ in range(at_once)))
    return sorted(outcomes, key=lambda each: each.plan.number)


class _Losses:
    """Loses packets for as long as one of the calls under way is to have that.

    All calls share the server's media port, so the others lose some too.
    """

    def __init__(self, network: LossyNetwork | None, port: int) -> None:
        self._network, self._port = network, port
        self._calls = 0
        self._rule: str | None = None

    @contextmanager
    def during(self, plan: CallPlan) -> Iterator[None]:
        if not plan.loss or self._network is None:
            yield
            return
        self._calls += 1
        if self._rule is None:
            self._rule = self._network.lose(plan.loss, self._port)
        try:
            yield
        finally:
            self._calls -= 1
            if not self._calls and self._rule is not None:
                self._network.heal(self._rule)
                self._rule = None


async def run_call(
    server: LiveKitServer, plan: CallPlan, *, network: LossyNetwork | None, folder: Path
) -> Outcome:
    """Run one call; a fault of ours is told as one of the call's."""
    outcome = Outcome(plan=plan)
    try:
        async with chaos_call(
            server, plan, network=network, journal=folder / f"journal-{plan.number}"
        ) as call:
            outcome = call.outcome
            await call.run()
    except Exception as exc:  # one call must not end the others
        logging.getLogger("tests.chaos").exception("call %s", plan.number)
        outcome.wrong.append(f"{type(exc).__name__}: {exc}")
    return outcome


def tell(outcome: Outcome, *, done: int, of: int) -> None:
    """Say how a call went."""
    verdict = "; ".join(outcome.violations) or "ok"
    sys.stderr.write(
        f"[{done}/{of}] call {outcome.plan.number}, {outcome.seconds:.0f} s: {verdict}\n"
    )


def main() -> int:
    """Run the calls, write the report; the exit code says whether all went well."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--calls", type=int, default=CALLS, help=f"how many ({CALLS})")
    parser.add_argument("--only", type=int, nargs="+", help="the numbers of the calls to run")
    parser.add_argument("--seed", type=int, default=1, help="decides what happens (1)")
    parser.add_argument("--at-once", type=int, default=AT_ONCE, help=f"side by side ({AT_ONCE})")
    parser.add_argument(
        "--healthy", type=float, metavar="MINUTES",
        help=f"length of a call without faults ({MINUTES:g} behind {CALLS} calls or more, else 0)",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, default=Path("reports/chaos"), help="folder to fill")
    parser.add_argument(
        "--network",
        choices=("auto", "off", "here"),
        default="auto",
        help="loss and cuts: auto starts again in a network of its own if it can",
    )
    parser.add_argument("--plan", action="store_true", help="only tell what would happen")
    given = parser.parse_args()
    network = None
    if given.network == "auto" and not given.plan:
        why_not = LossyNetwork.why_not()
        if why_not is None:
            argv = [sys.executable, "-m", "tests.chaos", *sys.argv[1:], "--network", "here"]
            command = LossyNetwork.in_own_network(argv)
            os.execvp(command[0], command)
        sys.stderr.write(f"without loss and cuts of the network: {why_not}\n")
    elif given.network == "here":
        network = LossyNetwork()
    numbers = given.only or range(given.calls)
    cuts = network is not None or given.plan
    plans = [plan_call(number, seed=given.seed, network=cuts) for number in numbers]
    if given.plan:
        sys.stdout.writelines(f"{plan.number}: {plan.describe()}\n" for plan in plans)
        return 0
    begun = time.monotonic()
    given.out.mkdir(parents=True, exist_ok=True)
    calls_log = given.out / "calls.jsonl"
    calls_log.unlink(missing_ok=True)
    outcomes = asyncio.run(
        run_calls(plans, at_once=given.at_once, network=network, calls_log=calls_log)
    )
    took = time.monotonic() - begun
    minutes = given.healthy
    if minutes is None:
        minutes = MINUTES if len(plans) >= CALLS else 0.0
    kept, healthy = True, "There was no healthy call."
    if minutes and network is None:
        healthy = "There was no healthy call, for packets cannot be lost here."
    elif minutes:
        sys.stderr.write(f"a healthy call of {minutes:g} minutes\n")
        kept, healthy = asyncio.run(healthy_call(minutes))
    report = markdown(
        outcomes, seed=given.seed, network=network is not None, seconds=took, healthy=healthy
    )
    (given.out / "report.md").write_text(report, encoding="utf-8")
    sys.stdout.write(report)
    return 0 if kept and not any(each.violations for each in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
