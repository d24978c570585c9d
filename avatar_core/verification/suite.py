"""The test class of a verification; pytest collects this file."""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from avatar_core.testing.conformance import Clause, ProviderConformance
from avatar_core.testing.conformance.clauses import clause_of
from avatar_core.verification.plan import CLEAN_UP_SECONDS, Cost

if TYPE_CHECKING:
    from avatar_core.livekit_server import LiveKitServer
    from avatar_core.verification.ledger import Ledger
    from avatar_core.verification.target import ServerAtUrl, Target

Test = Callable[..., Coroutine[Any, Any, None]]

_MINUTE = 60.0
_LOOK_SECONDS = 0.5

TestService: type[ServiceConformance]
"""The class that is verified, once ``begin`` has made it."""


class ServiceConformance(ProviderConformance):
    """A provider as its users have it: their options, a real service, nothing scripted."""

    no_api = "it takes an API that fails on purpose, which a real service does not"
    no_return = "no option is known that lets its avatar leave and come back"

    ledger: ClassVar[Ledger]
    """What its sessions are written into."""

    server: ClassVar[LiveKitServer | ServerAtUrl]
    """Where the calls take place."""

    starts_per_minute: ClassVar[int | None] = None
    """How many starts there may be; None for any number."""

    @pytest.fixture
    def livekit_server(self) -> LiveKitServer | ServerAtUrl:
        """The server of the environment, or one that was started for the run."""
        return self.server

    async def before_start(self) -> None:
        """Wait until the service may be asked for another session."""
        while self.starts_per_minute is not None:
            since = time.monotonic() - _MINUTE
            if sum(each > since for each in self.ledger.starts) < self.starts_per_minute:
                return
            await asyncio.sleep(_LOOK_SECONDS)


def suite_of(
    target: Target, *, patience: float, most_cancellations: int, environment: Mapping[str, str]
) -> type[ServiceConformance]:
    """Make the test class of a provider.

    Args:
        target: The provider and its options.
        patience: As in ``Adoption``.
        most_cancellations: As in ``Adoption``.
        environment: As in ``Adoption``.
    """
    settings = {
        "provider": target.name,
        "options": target.options,
        "patience": patience,
        "most_cancellations": most_cancellations,
        "environment": environment,
    }
    return type("TestService", (ServiceConformance,), settings)


def begin(
    suite: type[ServiceConformance],
    clauses: Mapping[Clause, Cost],
    *,
    ledger: Ledger,
    server: LiveKitServer | ServerAtUrl,
    starts_per_minute: int | None,
) -> None:
    """Make a test class the one that pytest collects here.

    Args:
        suite: From ``suite_of``.
        clauses: What is verified, and what each clause may cost.
        ledger: What its sessions are written into.
        server: Where the calls take place.
        starts_per_minute: How many starts there may be; None for any number.
    """
    global TestService
    suite.ledger, suite.server, suite.starts_per_minute = ledger, server, starts_per_minute
    for clause, cost in clauses.items():
        name = "test_" + clause.id.replace("-", "_")
        setattr(suite, name, _limited(getattr(suite, name), cost, ledger))
    TestService = suite


def _limited(test: Test, cost: Cost, ledger: Ledger) -> Test:
    """Hold a test to what was said of it."""
    clause = clause_of(test)
    assert clause is not None

    @functools.wraps(test)
    async def limited(*arguments: Any, **fixtures: Any) -> None:
        ledger.allow(cost.sessions, clause=clause.id)
        work = asyncio.ensure_future(test(*arguments, **fixtures))
        try:
            done, _ = await asyncio.wait([work], timeout=cost.seconds)
        finally:
            # Also on Ctrl-C: what it has started it ends on its way out.
            work.cancel()
            await asyncio.wait([work], timeout=CLEAN_UP_SECONDS)
            ledger.allow(0, clause=clause.id)
        if not done:
            raise AssertionError(f"it took longer than {cost.seconds:.0f} s")
        work.result()

    return limited
