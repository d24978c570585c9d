from __future__ import annotations

import asyncio
import dataclasses
import time
from typing import Any

import pytest

from avatar_core.contract.audio_routes import DataStream, Discard
from avatar_core.contract.errors import ConfigurationError, ProviderRejectedError
from avatar_core.contract.models import (
    CheckRequest,
    EndRequest,
    Finding,
    ListedSession,
    ListSessionsRequest,
    PrewarmRequest,
    SessionRequest,
    SessionUsage,
    StartedSession,
)
from avatar_provider_protoface.emulator.faults import Fault
from avatar_provider_protoface.sessions import refuse_unreachable

from .starting import Starter, starting

PROFILES = pytest.mark.parametrize("profile", ["sdk-0.1.0", "current"])


def common(starter: Starter) -> dict[str, Any]:
    return {
        "options": starter.slot.options,
        "deadline": time.monotonic() + 10,
        "http": starter.http,
        "connect": starter.slot.connect,
    }


async def check(starter: Starter) -> list[Finding]:
    found: list[Finding] = await starter.slot.call(
        "check_provider", CheckRequest(**common(starter))
    )
    return found


@PROFILES
async def test_a_session_is_asked_for_with_all_that_was_given(profile: str) -> None:
    async with starting(
        settings={"profile": profile}, avatar_id="av_stock_002", quality="lite",
        max_duration_seconds=90, metadata={"mine": 1},
    ) as starter:  # fmt: skip
        running = await starter.start()
        (sent,) = starter.creates()
        assert sent.body == {
            "avatar_id": "av_stock_002",
            "quality": "lite",
            "max_duration_seconds": 90,
            "idle_timeout_seconds": 360,
            "transport": {
                "type": "livekit",
                "url": "ws://127.0.0.1:1",
                "room_name": "room-1",
                "worker_token": "[redacted]",
                "worker_identity": "face",
                "audio_source": "data_stream",
            },
            "metadata": {
                "mine": 1,
                "avatar_core.start": starter.slot.idempotency_key,
                "avatar_core.room": "room-1",
                "avatar_core.agent": "agent-1",
                "avatar_core.version": "0.1.0",
            },
        }
        assert sent.headers["Idempotency-Key"] == starter.slot.idempotency_key
        assert sent.headers["User-Agent"].startswith("avatar-provider-protoface/")
        session = running.session
        assert session.audio == DataStream(
            identity="face", sample_rate=16000, ready="video", reports_start=False,
            clear_timeout=1.5,
        )  # fmt: skip
        assert session.identities == ("face",)
        assert session.idle_timeout == 360
        assert session.expires_at is not None
        assert 80 < session.expires_at - time.time() <= 90
        await starter.end(running)


async def test_what_is_none_is_left_to_protoface() -> None:
    async with starting(idle_timeout_seconds=None) as starter:
        running = await starter.start()
        (sent,) = starter.creates()
        assert set(sent.body) == {"avatar_id", "transport", "metadata"}
        assert running.session.idle_timeout == 30
        await starter.end(running)


async def test_an_unknown_state_and_unknown_fields_are_no_trouble() -> None:
    odd = {"id": "sess_1", "status": "warming", "new": [1], "metadata": {"x": {"y": 1}}}
    async with starting() as starter:
        starter.emulator.faults.add(Fault(on="create", status=201, body=odd))
        running = await starter.start()
        assert running.session.session_id == "sess_1"


ODD = {
    "status": None, "avatar_id": 7, "metadata": None, "transport": None, "failure": "none",
    "created_at": "just now", "max_duration_seconds": "unlimited", "idle_timeout_seconds": -1,
}  # fmt: skip


@pytest.mark.parametrize("field", ODD)
async def test_a_field_of_another_kind_costs_neither_the_start_nor_the_list(field: str) -> None:
    odd = {"id": "sess_1", field: ODD[field]}
    page = {"data": [odd, {"id": "sess_2", "status": "running"}], "has_more": False}
    async with starting() as starter:
        starter.emulator.faults.add(Fault(on="create", status=201, body=odd))
        assert (await starter.start()).session.session_id == "sess_1"
        starter.emulator.faults.add(Fault(on="list", status=200, body=page))
        request = ListSessionsRequest(**common(starter))
        listed: list[ListedSession] = await starter.slot.call("list_sessions", request)
        assert [each.session_id for each in listed] == ["sess_1", "sess_2"]


async def test_a_time_without_a_zone_is_utc_wherever_this_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    page = {"data": [{"id": "sess_1", "created_at": "2026-10-02T12:00:00.000"}]}
    try:
        with monkeypatch.context() as abroad:
            abroad.setenv("TZ", "Asia/Tokyo")
            time.tzset()
            async with starting() as starter:
                starter.emulator.faults.add(Fault(on="list", status=200, body=page))
                request = ListSessionsRequest(**common(starter))
                (listed,) = await starter.slot.call("list_sessions", request)
    finally:
        time.tzset()
    assert listed.created_at == 1790942400.0


@pytest.mark.parametrize("session_id", ["", "..", "../../x?y=", "a/b", "sess 1", "\x1b[2J"])
async def test_what_is_no_id_is_said_at_once_and_not_sent(session_id: str) -> None:
    async with starting() as starter:
        made = StartedSession(session_id=session_id, identities=(), audio=Discard())
        request = EndRequest(**common(starter), room=None, session=made, reason="", must_exist=True)
        with pytest.raises(ProviderRejectedError, match="is no id of a Protoface session") as said:
            await starter.slot.call("end_session", request)
        assert not said.value.retryable
        assert starter.emulator.requests == []


async def test_ending_twice_is_no_error() -> None:
    async with starting() as starter:
        running = await starter.start()
        await starter.end(running)
        await starter.end(running)


@pytest.mark.parametrize(
    ("livekit", "api", "refused"),
    [
        ("ws://127.0.0.1:7880", "https://api.protoface.com", True),
        ("wss://10.0.0.4", "https://api.protoface.com", True),
        ("ws://livekit:7880", "https://api.protoface.com", True),
        ("wss://x.livekit.cloud", "https://api.protoface.com", False),
        ("ws://127.0.0.1:7880", "http://127.0.0.1:8790", False),
    ],
)
def test_a_livekit_server_that_protoface_cannot_reach_is_refused(
    livekit: str, api: str, refused: bool
) -> None:
    if not refused:
        refuse_unreachable(livekit, api_url=api)
        return
    with pytest.raises(ConfigurationError, match="worker_livekit_url"):
        refuse_unreachable(livekit, api_url=api)


async def test_the_worker_may_be_given_another_address() -> None:
    async with starting(worker_livekit_url="wss://public.example") as starter:
        running = await starter.start()
        (sent,) = starter.creates()
        assert sent.body["transport"]["url"] == "wss://public.example"
        await starter.end(running)


async def test_the_key_may_come_from_a_vault() -> None:
    asked: list[int] = []

    async def vault() -> str:
        asked.append(1)
        await asyncio.sleep(0)
        return "sk_live_emulator"

    async with starting(api_key=vault) as starter:
        await starter.end(await starter.start())
    assert len(asked) == 2


@PROFILES
async def test_sessions_are_listed_over_several_pages_with_room_and_agent(profile: str) -> None:
    async with starting(settings={"profile": profile, "credits": 10**6}) as starter:
        runs = []
        for number in range(103):
            slot = dataclasses.replace(starter.slot, idempotency_key=f"k{number}")
            starter.slot = slot
            runs.append(await starter.start())
        await starter.end(runs[0])
        request = ListSessionsRequest(**common(starter))
        listed: list[ListedSession] = await starter.slot.call("list_sessions", request)
        assert [row.session_id for row in listed[:102]] == [
            run.session.session_id for run in reversed(runs[1:])
        ]
        first = listed[0]
        assert (first.room, first.metadata["avatar_core.agent"]) == ("room-1", "agent-1")
        assert first.metadata["worker_identity"] == "face"
        assert first.created_at is not None
        for run in runs[1:]:
            starter.emulator.account.get(run.session.session_id or "").end()


@PROFILES
async def test_a_check_of_a_healthy_account_finds_nothing(profile: str) -> None:
    async with starting(settings={"profile": profile, "plan": "starter"}) as starter:
        running = await starter.start()
        findings = await check(starter)
        assert {finding.level for finding in findings} == {"ok"}
        said = " ".join(finding.message for finding in findings)
        assert "av_stock_001 is ready" in said
        assert "1 of 2 concurrent sessions" in said
        assert "credits left" in said
        await starter.end(running)


@pytest.mark.parametrize(
    ("trouble", "said", "remedy"),
    [
        ("key", "refused the API key", "PROTOFACE_API_KEY"),
        ("avatar", "no avatar av_x", "avatar_id"),
        ("credits", "no session can be started", "buy credits"),
        ("full", "1 of 1 concurrent sessions", "avatar sessions end"),
        ("outage", "'outage'", "status.protoface.com"),
        ("down", "cannot be reached", "can be reached from here"),
        ("another path", "(status 404, code route.not_found", "is the address of Protoface's API"),
        (
            "another server",
            "what answered is not Protoface's API",
            "is the address of Protoface's API",
        ),
        ("a web site", "not what it should be", "is the address of Protoface's API"),
    ],
)
async def test_a_check_finds_what_is_wrong_and_says_what_to_do(
    trouble: str, said: str, remedy: str
) -> None:
    settings: dict[str, Any] = {"plan": "free"}
    options: dict[str, Any] = {}
    if trouble == "key":
        options["api_key"] = "sk_live_wrong"
    if trouble == "avatar":
        options["avatar_id"] = "av_x"
    if trouble == "credits":
        settings["credits"] = 0
    async with starting(settings=settings, **options) as starter:
        running = await starter.start() if trouble == "full" else None
        if trouble == "outage":
            starter.emulator.set_health("outage")
        if trouble == "down":
            await starter.emulator.aclose()
        if trouble == "another path":
            moved = starter.slot.options.model_copy(
                update={"api_url": f"{starter.emulator.url}/v9"}
            )
            starter.slot = dataclasses.replace(starter.slot, options=moved)
        if trouble == "another server":
            starter.emulator.faults.add(Fault(status=404, body="<html>", times=9))
        if trouble == "a web site":
            starter.emulator.faults.add(Fault(status=200, body="<html>", times=9))
        findings = await check(starter)
        errors = [finding for finding in findings if finding.level == "error"]
        assert any(said in each.message and remedy in each.remedy for each in errors), findings
        if trouble in ("another path", "another server", "a web site"):
            assert all(remedy in each.remedy for each in errors), findings
        if running is not None:
            await starter.end(running)


async def test_prewarming_asks_for_nothing_that_costs() -> None:
    async with starting() as starter:
        await starter.slot.call("prewarm", PrewarmRequest(**common(starter)))
        assert [seen.path for seen in starter.emulator.requests] == ["/v1/status"]


async def usage(starter: Starter, session: StartedSession) -> SessionUsage | None:
    request = SessionRequest(**common(starter), room=None, session=session)
    found: SessionUsage | None = await starter.slot.call("session_usage", request)
    return found


async def test_what_a_session_is_billed_is_final_once_it_is_over() -> None:
    async with starting() as starter:
        running = await starter.start()
        await starter.end(running)
        (record,) = starter.emulator.sessions
        told = await usage(starter, running.session)
        billed = float(int(record.seconds(now=time.time())))
        assert told == SessionUsage(billed_seconds=billed, final=True)
        nameless = dataclasses.replace(running.session, session_id=None)
        assert await usage(starter, nameless) is None


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ({"status": "running", "usage": {"billable_seconds": 3}}, SessionUsage(billed_seconds=3)),
        ({"status": "canceled"}, SessionUsage(billed_seconds=0, final=True)),
        ({"status": "ended"}, None),
        ({"status": "ended", "usage": "soon"}, None),
        ({"status": "ended", "usage": {"billable_seconds": -1}}, None),
    ],
)
async def test_what_is_not_billed_yet_is_not_taken_for_nothing(
    answer: dict[str, Any], told: SessionUsage | None
) -> None:
    async with starting() as starter:
        starter.emulator.faults.add(Fault(on="get", status=200, body={"id": "sess_1", **answer}))
        session = StartedSession(session_id="sess_1", identities=(), audio=Discard())
        assert await usage(starter, session) == told
