"""One verification from its announcement to its bill."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from avatar_core.cli.operator_log import operator_log
from avatar_core.contract.models import Finding
from avatar_core.discovery.default import register_extension, unregister_extension
from avatar_core.livekit_server import LiveKitServer
from avatar_core.verification.aftermath import Aftermath, clean_up, look_before
from avatar_core.verification.ledger import Ledger
from avatar_core.verification.plan import Plan
from avatar_core.verification.record import entry_of, write_record
from avatar_core.verification.report import (
    report_json,
    tell_cost,
    tell_end,
    tell_findings,
    tell_verdict,
)
from avatar_core.verification.run import Outcome, Verdict, run_clauses
from avatar_core.verification.suite import ServiceConformance, begin
from avatar_core.verification.target import ServerAtUrl, Target

REMOTE_STARTS_PER_MINUTE = 4
"""Starts at a service that is not on this machine: vendors limit them, and do not say so here."""

_EXTENSION = "verification-ledger"
_PASSED, _FAILED, _CANNOT, _INTERRUPTED = 0, 1, 2, 130


@dataclass(eq=False, kw_only=True)
class Verification:
    """One run of the clauses against a service.

    Args:
        target: Who is verified.
        server: The LiveKit server; None for one that is started on this machine.
        suite: The provider's test class.
        plan: What is done, and what it costs at most.
        starts_per_minute: How many starts there may be; None for any number.
        record: The file to write the result into.
        details: Whether to show where a clause failed.
        tell: Prints one line.
    """

    target: Target
    server: ServerAtUrl | None
    suite: type[ServiceConformance]
    plan: Plan
    starts_per_minute: int | None
    record: Path | None
    details: bool
    tell: Callable[[str], None]
    ledger: Ledger = field(init=False)
    outcome: Outcome | None = field(default=None, init=False)
    aftermath: Aftermath | None = field(default=None, init=False)
    findings: tuple[Finding, ...] = field(default=(), init=False)

    def __post_init__(self) -> None:
        """Open the ledger."""
        keys = {
            each.option: getattr(self.target.resolved.options, each.option, None)
            for each in self.target.info.credentials
        }
        self.ledger = Ledger(self.target.name, keys=keys)

    def announce(self) -> None:
        """Say what is going to be done and what it costs at most."""
        tell_cost(
            self.tell,
            self.target,
            self.plan,
            self.server,
            starts_per_minute=self.starts_per_minute,
        )

    def run(self) -> int:
        """Do it.

        Returns:
            The exit code.

        Raises:
            AvatarError: The clauses could not be run; what was started is ended.
            KeyboardInterrupt: It was stopped before anything was created.
        """
        with operator_log():
            self.findings = look_before(self.target)
            tell_findings(self.tell, self.findings)
            if any(each.level == "error" for each in self.findings):
                self.tell("Nothing was created: no call could start now.")
                return _CANNOT
            with self._server() as server:
                register_extension(self.ledger, name=_EXTENSION)
                try:
                    self._run_clauses(server)
                finally:
                    unregister_extension(_EXTENSION)
                    self._sum_up()
        return self._code()

    def to_json(self) -> dict[str, Any]:
        """Return what came of it, for JSON."""
        return report_json(
            self.target, self.outcome, self.plan, self.ledger, self.aftermath, self.findings
        )

    def _run_clauses(self, server: LiveKitServer | ServerAtUrl) -> None:
        begin(
            self.suite,
            self.plan.clauses,
            ledger=self.ledger,
            server=server,
            starts_per_minute=self.starts_per_minute,
        )
        self.outcome = run_clauses(self.plan, tell=self._tell_verdict)
        if self.outcome.stopped == "interrupted":
            self.tell("Interrupted: what was started is ended now.")

    def _tell_verdict(self, verdict: Verdict) -> None:
        made = [each for each in self.ledger.entries if each.clause == verdict.clause.id]
        tell_verdict(self.tell, verdict, sessions=len(made), details=self.details)

    def _sum_up(self) -> None:
        # LiveKit says of a call that was cut off that its loop is closed, a line a packet.
        logging.getLogger("livekit").setLevel(logging.CRITICAL)
        impatient: KeyboardInterrupt | None = None
        if self.ledger.entries:
            try:
                self.aftermath = clean_up(self.target, self.ledger)
            except KeyboardInterrupt as exc:
                impatient = exc  # who wants no more has to know what is left
        tell_end(self.tell, self.outcome, self.plan, self.ledger, self.aftermath)
        if self.record is not None and self.outcome is not None and self.outcome.stopped is None:
            entry = entry_of(self.target, self.outcome.verdicts, self.plan.left_out)
            write_record(self.record, self.target.name, entry)
            self.tell(f"Recorded in {self.record}.")
        if impatient is not None:
            raise impatient

    def _code(self) -> int:
        assert self.outcome is not None
        left = self.ledger.unended or (self.aftermath and self.aftermath.living(self.ledger))
        if left or not all(each.passed for each in self.outcome.verdicts):
            return _FAILED
        return _INTERRUPTED if self.outcome.stopped is not None else _PASSED

    @contextmanager
    def _server(self) -> Iterator[LiveKitServer | ServerAtUrl]:
        if self.server is not None:
            yield self.server
            return
        with LiveKitServer.start(progress=self.tell) as server:
            yield server
