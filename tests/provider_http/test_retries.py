from __future__ import annotations

import asyncio
import socket
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
from avatar_core.provider_http.base_url import BaseUrl
from avatar_core.provider_http.error_table import ErrorRule, ErrorTable
from avatar_core.provider_http.json_api import JsonApi
from avatar_core.provider_http.pool import HttpPool
from tests.provider_http.api_double import Clock, answer, drip, open_api, refusal, reset, truncated

MADE = answer(201, {"id": "s1"})


async def create(double: Any, **settings: Any) -> Any:
    return await double.api(**settings).post(
        "v1", "sessions", into=dict, body={"a": 1}, idempotency_key="k", creates=True,
        deadline=double.deadline,
    )  # fmt: skip


@pytest.mark.parametrize("status", [408, 429, 499, 500, 502, 503, 504])
async def test_what_may_pass_is_tried_again_with_the_same_body_and_key(status: int) -> None:
    async with open_api(refusal(status), refusal(status), MADE) as double:
        assert await create(double) == {"id": "s1"}
        assert len(double.asked) == 3
        assert {asked.body for asked in double.asked} == {b'{"a": 1}'}
        assert {asked.headers["Idempotency-Key"] for asked in double.asked} == {"k"}


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, ProviderRejectedError),
        (401, ProviderAuthError),
        (402, ProviderQuotaError),
        (403, ProviderAuthError),
        (404, ProviderRejectedError),
        (409, ProviderRejectedError),
        (422, ProviderRejectedError),
    ],
)
async def test_what_blames_the_caller_is_not_tried_again(
    status: int, error: type[ProviderError]
) -> None:
    async with open_api(refusal(status)) as double:
        with pytest.raises(error) as caught:
            await create(double)
        assert len(double.asked) == 1
        assert type(caught.value) is error
        assert not caught.value.retryable
        assert (caught.value.status_code, caught.value.code) == (status, "some.code")
        assert caught.value.request_id == "req_1"


async def test_a_rule_of_the_provider_decides_before_the_status_does() -> None:
    full = ErrorRule(status=429, code="full", error=ProviderQuotaError, say="all seats taken")
    async with open_api(refusal(429, "full")) as double:
        with pytest.raises(ProviderQuotaError, match="all seats taken"):
            await create(double, errors=ErrorTable([full]))
        assert len(double.asked) == 1


async def test_the_pauses_are_livekits_and_the_number_of_retries_the_callers() -> None:
    connect = ConnectOptions(max_retry=2, retry_interval=4.0)
    async with open_api(refusal(503)) as double:
        with pytest.raises(ProviderUnavailableError):
            await create(double, connect=connect)
        first, second = double.clock.slept
        assert len(double.asked) == 3
    assert 0.1 <= first <= 0.125
    assert 4.0 <= second <= 5.0


@pytest.mark.parametrize(
    ("headers", "pause"),
    [
        ({"Retry_After": "7"}, 7.0),
        # 1,700,000,000 is Tue, 14 Nov 2023 22:13:20 GMT, the client's own time here.
        ({"Retry_After": "Tue, 14 Nov 2023 22:13:29 GMT", "Date": "nonsense"}, 9.0),
        (
            {
                "Retry_After": "Tue, 14 Nov 2023 23:00:05 GMT",
                "Date": "Tue, 14 Nov 2023 23:00:00 GMT",
            },
            5.0,
        ),
    ],
    ids=["seconds", "date", "date by the server's clock"],
)
async def test_retry_after_is_honoured(headers: dict[str, str], pause: float) -> None:
    async with open_api(refusal(429, **headers), MADE) as double:
        await create(double)
        assert double.clock.slept == [pause]


@pytest.mark.parametrize("value", ["soon", "-5", "nan", "inf", ""])
async def test_a_senseless_retry_after_is_none(value: str) -> None:
    async with open_api(refusal(503, Retry_After=value), MADE) as double:
        await create(double)
        (pause,) = double.clock.slept
    assert 0.1 <= pause <= 0.125


async def test_a_pause_beyond_the_deadline_is_not_made() -> None:
    async with open_api(refusal(429, Retry_After="60")) as double:
        with pytest.raises(ProviderRateLimitError) as caught:
            await double.api().get("x", into=dict, deadline=double.clock.now + 30)
        assert caught.value.retry_after == 60
        assert double.clock.slept == []
        assert len(double.asked) == 1


async def test_no_attempt_begins_after_the_deadline() -> None:
    async with open_api(MADE) as double:
        with pytest.raises(ProviderTimeoutError):
            await double.api().get("x", into=dict, deadline=double.clock.now)
        assert double.asked == []


@pytest.mark.parametrize("lost", [reset, truncated], ids=["reset", "truncated"])
async def test_a_lost_answer_is_asked_for_again_under_the_same_key(lost: Any) -> None:
    async with open_api(lost, MADE) as double:
        assert await create(double) == {"id": "s1"}
        assert [asked.headers["Idempotency-Key"] for asked in double.asked] == ["k", "k"]


async def test_a_create_whose_answers_are_all_lost_is_uncertain() -> None:
    async with open_api(reset) as double:
        with pytest.raises(StartUncertainError, match="not known: the connection was lost"):
            await create(double)
        assert len(double.asked) == 4


async def test_a_create_that_times_out_is_uncertain() -> None:
    released = asyncio.Event()
    async with open_api(drip(released)) as double:
        with pytest.raises(StartUncertainError, match="no answer within 0.2 s"):
            await create(double, connect=ConnectOptions(timeout=0.2, max_retry=0))
        released.set()


async def test_a_refusal_after_a_lost_answer_leaves_a_create_uncertain() -> None:
    async with open_api(reset, refusal(402, "broke")) as double:
        with pytest.raises(StartUncertainError) as caught:
            await create(double)
        assert (caught.value.status_code, caught.value.code) == (402, "broke")
        assert isinstance(caught.value.__cause__, ProviderQuotaError)


@pytest.mark.parametrize("status", [500, 502, 504])
async def test_a_create_that_fails_with_a_servers_error_is_uncertain(status: int) -> None:
    async with open_api(refusal(status)) as double:
        with pytest.raises(StartUncertainError):
            await create(double)


async def test_the_apis_own_503_says_that_nothing_was_made_and_a_gateways_does_not() -> None:
    async with open_api(refusal(503, "at_capacity")) as double:
        with pytest.raises(ProviderUnavailableError):
            await create(double)
    async with open_api(answer(503, text="<html>")) as double:
        with pytest.raises(StartUncertainError):
            await create(double)


async def test_what_is_not_repeatable_is_not_repeated_once_it_may_have_worked() -> None:
    async with open_api(reset) as double:
        with pytest.raises(ProviderUnavailableError):
            await double.api().post("x", into=dict, deadline=double.deadline)
        assert len(double.asked) == 1


async def test_an_api_that_nobody_listens_for_is_tried_again_and_nothing_is_uncertain() -> None:
    with socket.socket() as held:  # bound and not listening: every connection is refused
        held.bind(("127.0.0.1", 0))
        clock, pool = Clock(), HttpPool()
        api = JsonApi(
            pool=pool,
            base_url=BaseUrl(f"http://127.0.0.1:{held.getsockname()[1]}"),
            clock=clock,
            sleep=clock.sleep,
        )
        with pytest.raises(ProviderUnavailableError, match="cannot be reached"):
            await api.post("x", into=dict, creates=True, deadline=clock.now + 100)
        assert len(clock.slept) == 3
        await pool.aclose()
