"""What can happen to a start: how often it is sent, what is raised, and that nothing is left."""

from __future__ import annotations

import asyncio
import time
from email.utils import formatdate
from typing import Any

import pytest

from avatar_core.contract.errors import (
    ProviderAuthError,
    ProviderError,
    ProviderQuotaError,
    ProviderRateLimitError,
    ProviderRejectedError,
    ProviderTimeoutError,
    ProviderUnavailableError,
    StartUncertainError,
)
from avatar_core.contract.models import ConnectOptions
from avatar_core.session.policy import AvatarPolicy
from avatar_provider_protoface.emulator.faults import Fault
from avatar_provider_protoface.emulator.problems import TYPES

from .starting import look_quickly, starting

pytestmark = pytest.mark.usefixtures(look_quickly.__name__)
__all__ = ["look_quickly"]


def refusal(status: int, code: str = "some.code", message: str = "m", **more: Any) -> Fault:
    kind = more.pop("kind", TYPES.get(status, "internal"))
    error = {"type": kind, "code": code, "message": message, "param": more.pop("param", None)}
    body = {"error": {**error, "request_id": "req_42"}}
    return Fault(on="create", status=status, body=body, **more)


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
async def test_one_bad_answer_is_got_over(status: int) -> None:
    async with starting() as starter:
        starter.emulator.faults.add(refusal(status, times=2))
        running = await starter.start()
        sent = starter.creates()
        assert len(sent) == 3
        assert len({seen.headers["Idempotency-Key"] for seen in sent}) == 1
        assert len({str(seen.body) for seen in sent}) == 1
        assert len(starter.emulator.sessions) == 1
        await starter.end(running)


@pytest.mark.parametrize(
    ("fault", "error", "attempts"),
    [
        (refusal(500, times=9), StartUncertainError, 4),
        (refusal(502, times=9), StartUncertainError, 4),
        (refusal(503, "at_capacity", times=9), ProviderUnavailableError, 4),
        (refusal(429, "session_start_rate_limited", times=9), ProviderRateLimitError, 4),
        (refusal(429, "concurrent_sessions", kind="quota_exceeded"), ProviderQuotaError, 1),
        (refusal(402, "insufficient_credit_balance"), ProviderQuotaError, 1),
        (refusal(401, "api_key.unknown"), ProviderAuthError, 1),
        (refusal(403, "api_key.scope_required"), ProviderAuthError, 1),
        (refusal(409), ProviderRejectedError, 1),
        (refusal(422), ProviderRejectedError, 1),
        (refusal(404, "avatar.not_found"), ProviderRejectedError, 1),
    ],
    ids=lambda value: f"{value.status}" if isinstance(value, Fault) else None,
)
async def test_a_start_that_fails_before_anything_was_made(
    fault: Fault, error: type[ProviderError], attempts: int
) -> None:
    async with starting() as starter:
        starter.emulator.faults.add(fault)
        with pytest.raises(error) as caught:
            await starter.start()
        assert type(caught.value) is error
        assert len(starter.creates()) == attempts
        assert (caught.value.status_code, caught.value.request_id) == (fault.status, "req_42")
        await starter.settle()
        assert starter.emulator.sessions == []


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        (
            refusal(
                429, "concurrent_sessions", "Organization org_01A2 has 2 concurrent sessions;"
                " the maximum is 2.", kind="quota_exceeded",
            ),
            "2 of 2 concurrent sessions in use: end one with `avatar sessions end",
        ),
        (refusal(409, "x", "Avatar is processing.", param="avatar_id"), "avatar av_x is not ready"),
        (refusal(409, "idempotency_key.reused", "m"), "idempotency key"),
        (refusal(404, "avatar.not_found"), "there is no avatar av_x for this API key"),
        (refusal(402, "insufficient_credit_balance"), "credits are used up"),
        (refusal(401, "api_key.unknown"), "check PROTOFACE_API_KEY"),
        (refusal(422, param="metadata.a"), "because of 'metadata.a'"),
    ],
    ids=["full", "not ready", "reused", "no avatar", "credits", "key", "param"],
)  # fmt: skip
async def test_an_error_says_what_to_do(fault: Fault, text: str) -> None:
    async with starting(avatar_id="av_x") as starter:
        starter.emulator.faults.add(fault)
        with pytest.raises(ProviderError) as caught:
            await starter.start()
        assert text in str(caught.value)
        assert "request id req_42" in str(caught.value)
        assert isinstance(caught.value.body, dict)
        assert caught.value.body["error"]["request_id"] == "req_42"


@pytest.mark.parametrize("date", [False, True], ids=["seconds", "date"])
async def test_retry_after_is_honoured(date: bool) -> None:
    async with starting() as starter:
        # A date has whole seconds: two from now are between one and two away.
        value = formatdate(time.time() + 2, usegmt=True) if date else "1"
        starter.emulator.faults.add(refusal(429, retry_after=value))
        running = await starter.start()
        first, second = (seen.at for seen in starter.creates())
        assert 0.9 <= second - first < 3.0
        await starter.end(running)


async def test_a_retry_after_beyond_the_deadline_is_not_waited_for() -> None:
    async with starting(policy=AvatarPolicy(start_timeout=3)) as starter:
        starter.emulator.faults.add(refusal(429, retry_after="60"))
        began = time.monotonic()
        with pytest.raises(ProviderRateLimitError) as caught:
            await starter.start()
        assert time.monotonic() - began < 1.5
        assert caught.value.retry_after == 60


ONCE_LOST = {
    "reset": Fault(on="create", when="after", answer="reset"),
    "truncated": Fault(on="create", when="after", answer="truncate", status=201),
    "late": Fault(on="create", when="after", answer="true", delay=1.0),
    "500 after": Fault(on="create", when="after", status=500),
}


@pytest.mark.parametrize("fault", ONCE_LOST.values(), ids=ONCE_LOST)
async def test_a_session_whose_answer_was_lost_once_is_the_one_that_is_used(fault: Fault) -> None:
    async with starting() as starter:
        starter.emulator.faults.add(fault)
        running = await starter.start()
        (session,) = starter.emulator.sessions
        assert running.session.session_id == session.id
        await starter.end(running)
        assert len(starter.ends()) == 1


@pytest.mark.parametrize("fault", ONCE_LOST.values(), ids=ONCE_LOST)
async def test_a_session_whose_answers_are_all_lost_is_found_and_ended(fault: Fault) -> None:
    async with starting(connect=ConnectOptions(timeout=0.5, retry_interval=0.05)) as starter:
        starter.emulator.faults.add(fault.model_copy(update={"times": 4}))
        with pytest.raises(StartUncertainError) as caught:
            await starter.start()
        assert caught.value.retryable
        await starter.settle()
        (session,) = starter.emulator.sessions
        assert session.status in ("ending", "ended", "canceled")
        assert len(starter.creates()) == 4


GARBLED: dict[str, Fault] = {
    "html": Fault(on="create", when="after", status=201, body="<html>hello</html>"),
    "list": Fault(on="create", when="after", status=201, body=[]),
    "no id": Fault(on="create", when="after", status=201, body={"status": "queued"}),
    "id with a path": Fault(on="create", when="after", status=201, body={"id": "../../x?y="}),
    "id of dots": Fault(on="create", when="after", status=201, body={"id": ".."}),
    "id a number": Fault(on="create", when="after", status=201, body={"id": 5}),
    "empty": Fault(on="create", when="after", status=201),
    "50 MB": Fault(on="create", when="after", status=201, answer="huge"),
    "redirect": Fault(on="create", when="after", status=307),
}


@pytest.mark.parametrize("fault", GARBLED.values(), ids=GARBLED)
async def test_a_session_whose_answer_is_garbled_is_found_and_ended(fault: Fault) -> None:
    async with starting() as starter:
        starter.emulator.faults.add(fault)
        with pytest.raises(StartUncertainError):
            await starter.start()
        await starter.settle()
        (session,) = starter.emulator.sessions
        assert session.status in ("ending", "ended", "canceled")
        assert [seen.path for seen in starter.ends()] == [f"/v1/sessions/{session.id}/end"]


async def test_an_answer_that_drips_is_a_timeout() -> None:
    async with starting(connect=ConnectOptions(timeout=0.4, max_retry=0)) as starter:
        starter.emulator.faults.add(Fault(on="create", when="before", answer="drip", status=201))
        with pytest.raises(StartUncertainError, match="no answer within"):
            await starter.start()
        await starter.settle()
        assert starter.emulator.sessions == []


async def test_a_start_that_is_given_up_is_ended_when_it_succeeds_after_all() -> None:
    async with starting(policy=AvatarPolicy(start_timeout=0.3)) as starter:
        starter.emulator.faults.add(
            Fault(on="create", when="after", answer="true", delay=0.45, times=1)
        )
        with pytest.raises((ProviderTimeoutError, StartUncertainError)):
            await starter.start()
        await starter.settle()
        (session,) = starter.emulator.sessions
        assert session.status in ("ending", "ended", "canceled")


@pytest.mark.parametrize("step", range(12))
async def test_a_start_cancelled_anywhere_leaves_nothing(step: int) -> None:
    async with starting() as starter:
        starter.emulator.faults.add(Fault(on="create", when="after", answer="true", delay=0.1))
        work = asyncio.create_task(starter.start())
        if step < 8:
            for _ in range(step):
                await asyncio.sleep(0)
        else:
            await asyncio.sleep((step - 7) * 0.03)
        work.cancel()
        await asyncio.wait([work])
        if not work.cancelled():
            await starter.end(work.result())
        await starter.settle()
        assert len(starter.emulator.sessions) <= 1


async def test_two_starts_make_two_sessions_that_are_both_ended() -> None:
    async with starting() as one:
        running = await asyncio.gather(one.start(), one.start(), return_exceptions=True)
        ids = {each.session.session_id for each in running if not isinstance(each, BaseException)}
        # One slot is one key: however often it is started, it is one session.
        assert len(ids) == len(one.emulator.sessions) == 1
        for each in running:
            assert not isinstance(each, BaseException)
            await one.end(each)


async def test_an_end_is_repeated_until_it_is_acknowledged() -> None:
    async with starting() as starter:
        running = await starter.start()
        starter.emulator.faults.add(Fault(on="end", status=500, times=6))
        await starter.end(running)
        assert len(starter.ends()) == 7
        assert starter.emulator.unended in ([], starter.emulator.sessions)


async def test_an_end_that_is_never_acknowledged_is_reported_by_its_id() -> None:
    async with starting() as starter:
        running = await starter.start()
        starter.emulator.faults.add(Fault(on="end", status=500, times=1000))
        starter.ender.end(running.slot, running.session, reason="test")
        (unended,) = await starter.ender.wait(timeout=0.5)
        assert unended.session_id == running.session.session_id
        starter.emulator.faults.clear()


@pytest.mark.parametrize(
    ("fault", "requests"),
    [
        (Fault(on="end", status=404, body={"error": {"code": "session.not_found"}}), 1),
        (Fault(on="end", status=200), 1),
        (Fault(on="end", status=404, body="<html>wrong place</html>"), 2),
        (Fault(on="end", status=200, body="<html>log in</html>"), 2),
        (Fault(on="end", status=200, body={"id": "sess_x", "status": "running"}), 2),
    ],
    ids=["unknown", "empty", "a proxy's 404", "a login page", "still running"],
)
async def test_what_counts_as_the_acknowledgement_of_an_end(fault: Fault, requests: int) -> None:
    async with starting() as starter:
        running = await starter.start()
        starter.emulator.faults.add(fault)
        await starter.end(running)
        assert len(starter.ends()) == requests
        starter.emulator.account.get(running.session.session_id or "").end()
