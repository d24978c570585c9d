from __future__ import annotations

import json
import re
from typing import Any

import pytest

from .emulated import calling, session_body


async def test_a_session_is_queued_then_starts_then_runs() -> None:
    async with calling() as caller:
        made = await caller.create()
        assert made.status == 201
        assert made.body["status"] == "queued"
        assert re.fullmatch(r"sess_[0-9A-HJKMNP-TV-Z]{26}", made.body["id"])
        assert "started_at" not in made.body
        caller.clock.advance(1.3)
        assert await caller.status_of(made.body["id"]) == "starting"
        caller.clock.advance(0.6)
        running = (await caller.call("GET", f"/v1/sessions/{made.body['id']}")).body
        assert running["status"] == "running"
        assert running["started_at"] < running["first_frame_at"]
        assert running["first_frame_at"].endswith("Z")


async def test_what_was_asked_for_is_told_without_the_token() -> None:
    async with calling() as caller:
        asked: dict[str, Any] = {
            "quality": "lite",
            "idle_timeout_seconds": 60,
            "metadata": {"a": 1, "b": None},
        }
        made = (await caller.create(**asked)).body
        assert {name: made[name] for name in asked} == asked
        assert made["transport"] == {
            "type": "livekit",
            "url": "wss://lk.example",
            "room_name": "room",
            "worker_identity": "face",
            "audio_source": "data_stream",
            "synthetic_audio_if_no_input": False,
        }
        bare = (await caller.create()).body
        assert (bare["metadata"], bare["quality"]) == ({}, "standard")
        assert bare["idle_timeout_seconds"] == 30
        assert "jwt-secret" not in str(caller.emulator.requests)
        assert caller.emulator.api_key not in str(caller.emulator.requests)


@pytest.mark.parametrize(
    ("seconds", "first", "then"),
    [(0.0, "canceled", "canceled"), (1.4, "ending", "ended"), (5.0, "ending", "ended")],
    ids=["queued", "starting", "running"],
)
async def test_ending_is_immediate_and_idempotent(seconds: float, first: str, then: str) -> None:
    async with calling() as caller:
        made = (await caller.create()).body
        caller.clock.advance(seconds)
        end = f"/v1/sessions/{made['id']}/end"
        answers = [(await caller.call("POST", end)).body["status"] for _ in range(2)]
        assert answers == [first, first]
        caller.clock.advance(1.0)
        over = await caller.call("POST", end)
        assert (over.status, over.body["status"]) == (200, then)
        assert over.body["ended_at"]


async def test_a_session_without_audio_ends_after_its_idle_timeout() -> None:
    async with calling() as caller:
        made = (await caller.create(idle_timeout_seconds=40)).body
        caller.clock.advance(1.3 + 39)
        assert await caller.status_of(made["id"]) == "running"
        caller.emulator.account.get(made["id"]).audio_received()
        caller.clock.advance(39)
        assert await caller.status_of(made["id"]) == "running"
        caller.clock.advance(2)
        assert await caller.status_of(made["id"]) == "ended"


@pytest.mark.parametrize(
    ("plan", "asked", "limit"),
    [("free", 600, 120), ("free", None, 120), ("free", 60, 60), ("scale", 3600, 3600)],
)
async def test_a_session_lasts_as_long_as_the_plan_and_the_caller_allow(
    plan: str, asked: int | None, limit: int
) -> None:
    async with calling(plan=plan, credits=1000) as caller:
        wanted: dict[str, Any] = {} if asked is None else {"max_duration_seconds": asked}
        made = (await caller.create(idle_timeout_seconds=600, **wanted)).body
        assert made["max_duration_seconds"] == limit
        run = caller.emulator.account.get(made["id"])
        caller.clock.advance(1.3)
        for _ in range(limit // 10):
            run.audio_received()
            caller.clock.advance(9.99)
        assert run.record.status == "running"
        caller.clock.advance(limit * 0.001 + 1)
        assert run.record.status == "ended"
        assert run.record.history == ["queued", "starting", "running", "ending", "ended"]


REFUSED: dict[str, tuple[Any, tuple[int, str, str], str | None]] = {
    "no transport type": (
        session_body(transport={"url": "x"}),
        (400, "invalid_request", "transport.type.missing"),
        "transport.type",
    ),
    "reserved transport": (
        session_body(transport={"type": "websocket"}),
        (400, "invalid_request", "transport.unsupported"),
        "transport.type",
    ),
    "unknown transport": (
        session_body(transport={"type": "fake"}),
        (422, "unprocessable", "field.invalid"),
        "transport",
    ),
    "unknown field": (
        session_body(colour="red"),
        (422, "unprocessable", "field.unknown"),
        "colour",
    ),
    "unknown field in transport": (
        session_body(transport={**session_body()["transport"], "x": 1}),
        (422, "unprocessable", "field.unknown"),
        "transport.x",
    ),
    "no avatar": ({"transport": session_body()["transport"]}, (422, "unprocessable",
        "field.invalid"), "avatar_id"),
    "duration too long": (session_body(max_duration_seconds=3601), (422, "unprocessable",
        "field.invalid"), "max_duration_seconds"),
    "duration zero": (session_body(max_duration_seconds=0), (422, "unprocessable",
        "field.invalid"), "max_duration_seconds"),
    "idle too long": (session_body(idle_timeout_seconds=601), (422, "unprocessable",
        "field.invalid"), "idle_timeout_seconds"),
    "quality": (session_body(quality="best"), (422, "unprocessable", "field.invalid"), "quality"),
    "nested metadata": (session_body(metadata={"a": {}}), (422, "unprocessable",
        "field.invalid"), None),
    "metadata over 8 KB": (session_body(metadata={"a": "x" * 8192}), (422, "unprocessable",
        "field.invalid"), "metadata"),
    "managed metadata": (session_body(metadata={"_avatar.x": 1}), (422, "unprocessable",
        "field.invalid"), "metadata"),
    "unknown avatar": (session_body(avatar_id="av_demo"), (404, "not_found", "avatar.not_found"),
        "avatar_id"),
    "list": ([], (400, "invalid_request", "body.invalid"), None),
}  # fmt: skip


@pytest.mark.parametrize(("body", "error", "param"), REFUSED.values(), ids=REFUSED)
async def test_what_is_wrong_with_a_request_is_said_and_nothing_is_made(
    body: Any, error: tuple[int, str, str], param: str | None
) -> None:
    async with calling() as caller:
        answered = await caller.call("POST", "/v1/sessions", json=body)
        assert answered.error == error
        if param is not None:
            assert answered.body["error"]["param"] == param
        assert caller.emulator.sessions == []


@pytest.mark.parametrize("value", ["NaN", "-Infinity", '"\\ud800"', "{", "'x'"], ids=ascii)
async def test_what_is_no_json_for_everybody_is_refused(value: str) -> None:
    body = json.dumps(session_body(metadata={"a": "VALUE"})).replace('"VALUE"', value)
    async with calling() as caller:
        headers = {"Content-Type": "application/json"}
        answered = await caller.call("POST", "/v1/sessions", data=body, headers=headers)
        assert answered.error == (400, "invalid_request", "body.invalid_json")
        assert caller.emulator.sessions == []


async def test_the_same_request_under_the_same_key_makes_one_session() -> None:
    async with calling() as caller:
        first = await caller.create(idempotency_key="k")
        caller.clock.advance(5)
        again = await caller.create(idempotency_key="k")
        assert (again.status, again.body) == (201, first.body)
        assert len(caller.emulator.sessions) == 1
        other = await caller.create(idempotency_key="k", quality="lite")
        assert other.error[:2] == (409, "conflict")
        caller.clock.advance(24 * 3600)
        assert (await caller.create(idempotency_key="k")).body["id"] != first.body["id"]


async def test_a_refusal_is_not_kept_under_its_key() -> None:
    async with calling(plan="free") as caller:
        held = (await caller.create()).body
        assert (await caller.create(idempotency_key="k")).status == 429
        await caller.call("POST", f"/v1/sessions/{held['id']}/end")
        assert (await caller.create(idempotency_key="k")).status == 201


@pytest.mark.parametrize("key", ["x" * 256])
async def test_an_idempotency_key_has_a_length(key: str) -> None:
    async with calling() as caller:
        assert (await caller.create(idempotency_key=key)).status == 400


async def test_concurrent_sessions_are_limited_by_the_plan() -> None:
    async with calling(plan="starter") as caller:
        held = [(await caller.create()).body["id"] for _ in range(2)]
        full = await caller.create()
        assert full.error == (429, "quota_exceeded", "concurrent_sessions")
        assert re.search(r"has 2 .* maximum is 2\.", full.body["error"]["message"])
        await caller.call("POST", f"/v1/sessions/{held[0]}/end")
        assert (await caller.create()).status == 201


async def test_starts_are_limited_by_the_minute() -> None:
    async with calling(starts_per_minute=4) as caller:
        for _ in range(4):
            caller.clock.advance(1)
            assert (await caller.create()).status == 201
        refused = await caller.create()
        assert refused.error == (429, "rate_limit", "session_start_rate_limited")
        assert refused.headers["Retry-After"] == "57"
        caller.clock.advance(57)
        assert (await caller.create()).status == 201


async def test_a_credit_pays_for_a_started_minute_and_without_one_nothing_starts() -> None:
    async with calling(credits=3) as caller:
        made = (await caller.create(idle_timeout_seconds=600)).body
        caller.clock.advance(1.3 + 61)
        await caller.call("POST", f"/v1/sessions/{made['id']}/end")
        caller.clock.advance(1)
        assert caller.emulator.account.balance == 1
        await caller.create()
        caller.clock.advance(2)
        refused = await caller.create()
        assert refused.error == (402, "quota_exceeded", "insufficient_credit_balance")


@pytest.mark.parametrize("path", ["/v1/sessions/sess_x", "/v1/nothing", "/nothing"])
async def test_what_does_not_exist_has_an_envelope_too(path: str) -> None:
    async with calling() as caller:
        assert (await caller.call("GET", path)).error[:2] == (404, "not_found")
        assert (await caller.call("PATCH", "/v1/sessions")).error[0] == 405


@pytest.mark.parametrize(
    ("headers", "error"),
    [
        ({}, (401, "authentication", "api_key.missing")),
        ({"Authorization": "Basic x"}, (401, "authentication", "api_key.malformed")),
        ({"Authorization": "Bearer sk_live_x"}, (401, "authentication", "api_key.unknown")),
        ({"Authorization": "Bearer narrow"}, (403, "permission", "api_key.scope_required")),
    ],
)
async def test_a_key_is_needed(headers: dict[str, str], error: tuple[int, str, str]) -> None:
    async with calling(scoped_keys=("narrow",)) as caller:
        answered = await caller.call("GET", "/v1/sessions", key="", headers=headers)
        assert answered.error == error
        for public in ("/v1/status", "/v1/billing/plans"):
            assert (await caller.call("GET", public, key="", headers=headers)).status == 200
