"""Clauses about a provider's API that refuses, is down, hangs, or answers nonsense."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal

from livekit.agents import APIConnectOptions

from avatar_core.calling.provider_call import ProviderCall
from avatar_core.contract.errors import (
    AvatarError,
    ProviderAuthError,
    ProviderError,
    ProviderInvalidResponseError,
    ProviderRateLimitError,
    ProviderTimeoutError,
    ProviderUnavailableError,
    StartUncertainError,
)
from avatar_core.session.policy import AvatarPolicy
from avatar_core.testing.conformance.adoption import Adoption
from avatar_core.testing.conformance.clauses import clause
from avatar_core.testing.conformance.subject import Subject
from avatar_core.testing.scripted_api import ApiFault

QUICK = APIConnectOptions(max_retry=1, retry_interval=0.1, timeout=1.0)
"""How hard the provider may try."""

LOOP_STALL = 0.5
"""Seconds for which an async hook may keep the agent's event loop from running."""

_AWAY = (
    ProviderUnavailableError,
    ProviderTimeoutError,
    ProviderRateLimitError,
    StartUncertainError,
)
_NONSENSE = (ProviderInvalidResponseError, ProviderUnavailableError, StartUncertainError)


class Failing(Adoption):
    """How it fails."""

    @clause(
        "wrong-key",
        "a refused key is a ProviderAuthError, whatever the policy, and starts nothing.",
        needs=("credentials",),
        sessions=0,
    )
    async def test_wrong_key(self, conformance: Subject) -> None:
        """Start with credentials that are refused."""
        wrong = {each.option: self.wrong_key(each.option) for each in conformance.info.credentials}
        error = await failed_start(conformance, fault=None, on_failure="voice", **wrong)
        assert isinstance(error, ProviderAuthError), f"it raised {error!r}"
        assert not conformance.recorder.started, "a session was started"

    @clause(
        "api-down",
        "an API that cannot be reached is a ProviderUnavailableError or its like, not a bare"
        " exception.",
        needs=("http api",),
        sessions=0,
    )
    async def test_api_down(self, conformance: Subject) -> None:
        """Start while every connection breaks."""
        error = await failed_start(conformance, fault="down")
        _assert_told(error, _AWAY)

    @clause(
        "slow",
        "with an API that does not answer, start_session gives up before its deadline, and the"
        " agent's event loop runs meanwhile.",
        needs=("http api",),
    )
    async def test_slow(self, conformance: Subject) -> None:
        """Start while no answer comes."""
        async with _watched_loop() as stalls:
            error = await failed_start(conformance, fault="slow")
        worst = max(stalls, default=0.0)
        assert worst < LOOP_STALL, f"the agent's event loop stood still for {worst:.1f} s"
        _assert_told(error, _AWAY)
        (seen,) = conformance.recorder.of("start_session")
        over = seen.ended - seen.call.request.deadline
        assert over < 0, f"start_session went on for {over:.1f} s after its deadline"

    @clause(
        "garbled",
        "an answer that makes no sense is a ProviderInvalidResponseError or StartUncertainError,"
        " and a session that it was about is ended where the provider can find it.",
        needs=("http api",),
    )
    async def test_garbled(self, conformance: Subject) -> None:
        """Start while every answer is a web page."""
        error = await failed_start(conformance, fault="garbled")
        _assert_told(error, _NONSENSE)


async def failed_start(
    conformance: Subject,
    *,
    fault: ApiFault | None,
    on_failure: Literal["voice", "raise"] = "raise",
    **other: Any,
) -> BaseException:
    """Let a start fail; returns what it raised, when all that it left is ended.

    Args:
        conformance: The provider.
        fault: What the API does until the start is over.
        on_failure: As in ``AvatarPolicy``.
        other: Options that differ.

    Raises:
        AssertionError: It did not fail, or left something.
    """
    api = conformance.api

    async def heal(_: ProviderCall | None = None) -> None:
        if api is not None:
            await asyncio.to_thread(api.heal)

    conformance.recorder.after["start_session"] = heal
    await conformance.suite.before_start()
    limit = conformance.suite.api_fails_within
    policy = AvatarPolicy(on_failure=on_failure, start_timeout=limit)
    avatar = conformance.avatar(policy=policy, connect=QUICK, **other)
    async with conformance.stage() as stage:
        if api is not None and fault is not None:
            await asyncio.to_thread(api.fail, fault)
        try:
            await avatar.start(stage.agent_session, stage.room, **stage.credentials)
        except (AvatarError, asyncio.TimeoutError) as exc:
            error: BaseException = exc
        else:
            raise AssertionError("the start succeeded")
        finally:
            await heal()
            await avatar.aclose()
        await conformance.settled()
        if fault is None or conformance.provider.implements("recover_session"):
            await conformance.nobody_left(stage)
            await conformance.none_listed()
    return error


def _assert_told(error: BaseException, kinds: tuple[type[ProviderError], ...]) -> None:
    names = ", ".join(kind.__name__ for kind in kinds)
    # So the core says of an error that is not one of avatar-core's.
    assert "this is a defect of the provider" not in str(error), f"it let an error out: {error}"
    assert isinstance(error, kinds), f"it raised {error!r}, which is none of {names}"


@asynccontextmanager
async def _watched_loop() -> AsyncIterator[list[float]]:
    """Note for how long the event loop stood still."""
    stalls: list[float] = []

    async def watch() -> None:
        while True:
            before = time.monotonic()
            await asyncio.sleep(0.02)
            stalls.append(time.monotonic() - before - 0.02)

    watching = asyncio.create_task(watch(), name="conformance-loop-watch")
    try:
        yield stalls
    finally:
        watching.cancel()
        await asyncio.wait([watching])
