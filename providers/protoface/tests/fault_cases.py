"""What can happen to the creates of one start, and what start() makes of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from livekit.agents import APIConnectionError, APIError, APIStatusError

from avatar_core.contract.errors import (
    ProviderAuthError,
    ProviderError,
    ProviderQuotaError,
    ProviderRateLimitError,
    ProviderRejectedError,
    ProviderUnavailableError,
    StartUncertainError,
)
from avatar_provider_protoface.emulator.faults import Fault
from avatar_provider_protoface.emulator.problems import TYPES

ALWAYS = 1000


def refusal(status: int, code: str = "some.code", *, kind: str = "", **more: Any) -> Fault:
    error = {"type": kind or TYPES.get(status, "internal"), "code": code, "message": "m"}
    body = {"error": {**error, "param": None, "request_id": "req_42"}}
    return Fault(on="create", status=status, body=body, times=ALWAYS, **more)


def lost(**fault: Any) -> Fault:
    return Fault(on="create", times=ALWAYS, **fault)


def garbled(body: Any = None, **fault: Any) -> Fault:
    return Fault(on="create", when="after", status=201, body=body, times=ALWAYS, **fault)


@dataclass(frozen=True, kw_only=True)
class Case:
    """A fault of every create of one start, and what becomes of it.

    Args:
        fault: How they go wrong.
        error: What start() raises, of ours.
        theirs: And of LiveKit's.
        says: What its text has in it.
        attempts: Creates that are sent; two retries are allowed.
        apart: Seconds between two of them, at least.
        made: Sessions that exist at Protoface in spite of it.
    """

    fault: Fault
    error: type[ProviderError]
    theirs: type[APIError]
    says: str
    attempts: int = 3
    apart: float = 0.05
    made: int = 0


def uncertain(fault: Fault, says: str, **more: Any) -> Case:
    text = f"whether a session was created is not known: {says}"
    return Case(
        fault=fault, error=StartUncertainError, theirs=APIConnectionError, says=text, **more
    )


def nonsense(fault: Fault, says: str = "the API's answer is not what it should be") -> Case:
    return uncertain(fault, says, attempts=1, made=1)


def final(fault: Fault, error: type[ProviderError], says: str) -> Case:
    return Case(fault=fault, error=error, theirs=APIStatusError, says=says, attempts=1)


def busy(fault: Fault, error: type[ProviderError], says: str, **more: Any) -> Case:
    return Case(fault=fault, error=error, theirs=APIConnectionError, says=says, **more)


FULL, RAMP = "at_capacity", "session_start_rate_limited"
CASES = {
    "500": uncertain(refusal(500), "the API failed (status 500"),
    "502": uncertain(refusal(502), "the API failed (status 502"),
    "503": busy(refusal(503, FULL), ProviderUnavailableError, "no free worker"),
    "429 rate": busy(refusal(429, RAMP), ProviderRateLimitError, "start fewer"),
    "500 Retry-After": uncertain(refusal(500, retry_after="1"), "the API failed", apart=1.0),
    "502 Retry-After": uncertain(refusal(502, retry_after="1"), "the API failed", apart=1.0),
    "503 Retry-After": busy(
        refusal(503, FULL, retry_after="1"), ProviderUnavailableError, "no free worker", apart=1.0
    ),
    "429 rate Retry-After": busy(
        refusal(429, RAMP, retry_after="1"), ProviderRateLimitError, "start fewer", apart=1.0
    ),
    "429 quota": final(
        refusal(429, "concurrent_sessions", kind="quota_exceeded"),
        ProviderQuotaError,
        "end one with `avatar sessions end ID --provider protoface`",
    ),
    "402": final(
        refusal(402, "insufficient_credit_balance"), ProviderQuotaError, "credits are used up"
    ),
    "401": final(refusal(401, "api_key.unknown"), ProviderAuthError, "check PROTOFACE_API_KEY"),
    "403": final(refusal(403, "api_key.scope_required"), ProviderAuthError, "lacks a scope"),
    "409": final(refusal(409, "avatar.not_ready"), ProviderRejectedError, "is not ready"),
    "422": final(refusal(422), ProviderRejectedError, "the API refused the request"),
    "timeout before": uncertain(lost(delay=0.6), "no answer within 0.3 s"),
    "timeout after": uncertain(
        lost(when="after", answer="true", delay=0.6), "no answer within 0.3 s", made=1
    ),
    "reset before": uncertain(lost(answer="reset"), "the connection was lost"),
    "reset after": uncertain(lost(when="after", answer="reset"), "the connection was lost", made=1),
    "half an answer": uncertain(garbled(answer="truncate"), "the connection was lost", made=1),
    "201 with HTML": nonsense(garbled("<html>hello</html>")),
    "201 with []": nonsense(garbled([])),
    "201 without an id": nonsense(garbled({"status": "queued"})),
    "201 with an id that is a path": nonsense(garbled({"id": "../../x?y="})),
    "201 with 50 MB": nonsense(garbled(answer="huge"), "the answer is larger than"),
}
