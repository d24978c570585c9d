"""The unmodified ``protoface-sdk`` 0.1.0 against the emulator: every method it has."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

import pydantic
import pytest
from protoface_sdk import (
    OPERATION_COVERAGE,
    AuthenticationError,
    AvatarStatus,
    ConflictError,
    InvalidRequestError,
    NotFoundError,
    PermissionError,
    ProtofaceClient,
    QualityTier,
    QuotaExceededError,
    RateLimitError,
    Session,
    SessionStatus,
    UnprocessableError,
)

from avatar_provider_protoface.emulator.faults import Fault

from .emulated import Caller, calling

PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)
T = TypeVar("T")

ROOM = {
    "avatar_id": "av_stock_001",
    "url": "wss://lk.example",
    "room_name": "room",
    "worker_token": "jwt-secret",
}


class Sdk:
    """The SDK blocks: it is called in a thread, while the emulator answers on the loop."""

    def __init__(self, caller: Caller, client: ProtofaceClient) -> None:
        self.caller = caller
        self.client = client

    async def __call__(self, method: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        return await asyncio.to_thread(method, *args, **kwargs)


@pytest.fixture(params=["sdk-0.1.0"])
async def sdk(request: pytest.FixtureRequest) -> AsyncIterator[Sdk]:
    async with calling(profile=request.param) as caller:
        emulator = caller.emulator
        with ProtofaceClient(emulator.api_key, base_url=emulator.url, max_retries=0) as client:
            yield Sdk(caller, client)


async def test_sessions(sdk: Sdk) -> None:
    sessions = sdk.client.sessions
    made = await sdk(
        sessions.create_livekit, **ROOM, audio_source="data_stream", quality="lite",
        max_duration_seconds=60, idle_timeout_seconds=50, metadata={"a": 1.5, "b": None},
        idempotency_key="k",
    )  # fmt: skip
    assert made.status is SessionStatus.queued
    assert made.quality is QualityTier.lite
    assert (made.max_duration_seconds, made.idle_timeout_seconds) == (60, 50)
    assert made.metadata == {"a": 1.5, "b": None}
    again = await sdk(
        sessions.create_livekit, **ROOM, audio_source="data_stream", quality="lite",
        max_duration_seconds=60, idle_timeout_seconds=50, metadata={"a": 1.5, "b": None},
        idempotency_key="k",
    )  # fmt: skip
    assert again.id == made.id
    sdk.caller.clock.advance(3)
    running = await sdk(made.wait_until_running, timeout=5)
    assert running.status is SessionStatus.running
    assert running.usage is not None
    assert running.first_frame_at is not None
    page = await sdk(sessions.list, status=[SessionStatus.running, "queued"], limit=1)
    assert [session.id for session in page.data] == [made.id]
    assert not page.has_more
    assert (await sdk(sessions.end, made.id)).status is SessionStatus.ending
    sdk.caller.clock.advance(1)
    ended = await sdk(sessions.get, made.id)
    assert ended.status is SessionStatus.ended
    assert ended.ended_at is not None


async def test_a_session_from_a_mapping_and_a_failed_one(sdk: Sdk) -> None:
    transport = {
        "type": "livekit", "url": "wss://x", "room_name": "r", "worker_token": "t",
        "worker_identity": "me", "audio_source": "track", "subscribe_to_identity": "agent",
    }  # fmt: skip
    made = await sdk(
        sdk.client.sessions.create, {"avatar_id": "av_stock_001", "transport": transport}
    )
    sdk.caller.clock.advance(2)
    sdk.caller.emulator.account.get(made.id).worker_gone(("worker_disconnected", "Gone."))
    failed = await sdk(sdk.client.sessions.get, made.id)
    assert failed.status is SessionStatus.failed
    assert failed.failure is not None
    assert failed.failure.code == "worker_disconnected"
    assert failed.failed_at is not None


async def test_avatars(sdk: Sdk) -> None:
    avatars = sdk.client.avatars
    made = await sdk(avatars.create, image=PNG, name="Me", runtime_type="avtr1")
    assert made.status is AvatarStatus.processing
    with pytest.raises(ConflictError):
        await sdk(sdk.client.sessions.create_livekit, **{**ROOM, "avatar_id": made.id})
    sdk.caller.clock.advance(5)
    assert (await sdk(avatars.get, made.id)).status is AvatarStatus.ready
    mine = await sdk(avatars.list, scope="org", q="ME", limit=5)
    assert [avatar.id for avatar in mine.data] == [made.id]
    stock = await sdk(avatars.list, scope="platform", limit=3)
    assert stock.has_more
    following = await sdk(avatars.list, starting_after=stock.next_cursor)
    assert following.data[0].id == "av_stock_004"
    await sdk(avatars.delete, made.id)
    with pytest.raises(NotFoundError):
        await sdk(avatars.get, made.id)
    with pytest.raises(InvalidRequestError):
        await sdk(avatars.delete, "av_stock_001")
    with pytest.raises(UnprocessableError):
        await sdk(avatars.create, image=b"no image")
    sdk.caller.emulator.avatars.next_build_fails = "No face detected in source image."
    bad = await sdk(avatars.create, image=PNG)
    sdk.caller.clock.advance(5)
    failed = await sdk(avatars.get, bad.id)
    assert failed.failure_reason == "No face detected in source image."
    assert failed.name == "Custom Avatar"


async def test_pipecat_status_plans_and_usage(sdk: Sdk) -> None:
    client, caller = sdk.client, sdk.caller
    pipecat = await sdk(
        client.pipecat.sessions.create, avatar_id="av_stock_001", metadata={"a": True}
    )
    assert pipecat.relay.media_token.startswith("pfm_")
    caller.clock.advance(1.3 + 10)
    await sdk(client.sessions.end, pipecat.session.id)
    caller.clock.advance(1)
    assert (await sdk(client.get_status)).status.value == "operational"
    plans = await sdk(client.list_billing_plans)
    assert {plan.key: plan.max_concurrency for plan in plans} == {
        "free": 1, "starter": 2, "launch": 10, "scale": 50,
    }  # fmt: skip
    usage = await sdk(client.usage.summary, period="current_month")
    assert (usage.sessions, usage.billable_seconds) == (1, 10)
    assert usage.by_quality == {QualityTier.standard: 10}
    spanned = await sdk(
        client.usage.summary, period_start="2026-01-01T00:00:00Z",
        period_end="2026-02-01T00:00:00Z",
    )  # fmt: skip
    assert spanned.sessions == 0


CALLS: dict[str, Callable[[ProtofaceClient], object]] = {
    "list_avatars": lambda client: client.avatars.list(),
    "create_avatar": lambda client: client.avatars.create(image=PNG),
    "get_avatar": lambda client: client.avatars.get("av_stock_001"),
    "delete_avatar": lambda client: client.avatars.delete(client.avatars.create(image=PNG).id),
    "list_sessions": lambda client: client.sessions.list(),
    "create_session": lambda client: make(client),
    "get_session": lambda client: client.sessions.get(make(client).id),
    "end_session": lambda client: client.sessions.end(make(client).id),
    "create_pipecat_session": lambda client: client.pipecat.sessions.create(
        avatar_id="av_stock_001"
    ),
    "list_billing_plans": lambda client: client.list_billing_plans(),
    "get_status": lambda client: client.get_status(),
    "get_usage": lambda client: client.usage.summary(period="previous_month"),
}


def make(client: ProtofaceClient) -> Session:
    return client.sessions.create_livekit(
        avatar_id="av_stock_001", url="wss://x", room_name="r", worker_token="t"
    )


@pytest.mark.parametrize("operation", sorted(OPERATION_COVERAGE))
async def test_every_operation_the_sdk_knows_is_answered(sdk: Sdk, operation: str) -> None:
    await sdk(CALLS[operation], sdk.client)
    assert sdk.caller.emulator.requests


@pytest.mark.parametrize(
    ("status", "kind", "code", "error"),
    [
        (429, "rate_limit", "session_start_rate_limited", RateLimitError),
        (402, "quota_exceeded", "insufficient_credit_balance", QuotaExceededError),
        (403, "permission", "api_key.scope_required", PermissionError),
        (401, "authentication", "api_key.unknown", AuthenticationError),
    ],
)
async def test_refusals(
    sdk: Sdk, status: int, kind: str, code: str, error: type[Exception]
) -> None:
    body = {"error": {"type": kind, "code": code, "message": "m", "param": None,
                      "request_id": "req_1"}}  # fmt: skip
    sdk.caller.emulator.faults.add(Fault(on="create", status=status, body=body))
    with pytest.raises(error) as caught:
        await sdk(make, sdk.client)
    assert getattr(caught.value, "code") == code  # noqa: B009 - one attribute of many classes


@pytest.mark.parametrize("sdk", ["current"], indirect=True)
async def test_the_current_answers_are_too_much_for_this_sdk(sdk: Sdk) -> None:
    for call in (
        lambda: make(sdk.client),
        lambda: sdk.client.avatars.get("av_stock_001"),
        lambda: sdk.client.list_billing_plans(),
        lambda: sdk.client.usage.summary(period="current_month"),
    ):
        with pytest.raises(pydantic.ValidationError):
            await sdk(call)
