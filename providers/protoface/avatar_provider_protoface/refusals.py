"""Protoface's refusals: which error each is, and what to do about it."""

from __future__ import annotations

import re

from avatar_core.contract.errors import (
    ProviderAuthError,
    ProviderQuotaError,
    ProviderRateLimitError,
    ProviderRejectedError,
    ProviderUnavailableError,
)
from avatar_core.provider_http.error_table import ErrorRule, ErrorTable
from avatar_core.provider_http.problem import ApiProblem

END_COMMAND = "avatar sessions end ID --provider protoface"
BILLING = "https://protoface.com"

_NUMBER = re.compile(r"(?<![\w.])\d{1,6}(?![\w.]*\w)")


def refusals(avatar_id: str) -> ErrorTable:
    """Return the table for calls about an avatar.

    Args:
        avatar_id: It is named where it is the reason.
    """

    def conflict(problem: ApiProblem) -> str:
        words = f"{problem.code or ''} {problem.message}".lower()
        if "idempot" in words:
            return "another request was made under this start's idempotency key"
        if "avatar" in words or (problem.param or "").endswith("avatar_id"):
            return (
                f"avatar {avatar_id} is not ready: wait until its status is 'ready', or choose"
                " another avatar_id"
            )
        return f"the request is in conflict with the state of avatar {avatar_id} or its session"

    def missing(problem: ApiProblem) -> str:
        if "avatar" in (problem.code or "") or (problem.param or "").endswith("avatar_id"):
            return f"there is no avatar {avatar_id} for this API key: check avatar_id"
        if not problem.told:  # a proxy's page, or another server's
            return "what answered is not Protoface's API: check PROTOFACE_API_URL (api_url)"
        return "Protoface does not know what was asked for"

    return ErrorTable(
        [
            ErrorRule(
                status=401,
                error=ProviderAuthError,
                say="Protoface refused the API key: check PROTOFACE_API_KEY (api_key), and that"
                " key and api_url belong to the same environment",
            ),
            ErrorRule(
                status=403,
                error=ProviderAuthError,
                say="the API key lacks a scope for this: use an unrestricted key, or widen it",
            ),
            ErrorRule(
                status=402,
                error=ProviderQuotaError,
                say=f"the Protoface credits are used up, or billing is inactive: see {BILLING}",
            ),
            ErrorRule(status=429, kind="quota_exceeded", error=ProviderQuotaError, say=_full),
            ErrorRule(status=429, code="concurrent_sessions", error=ProviderQuotaError, say=_full),
            ErrorRule(
                status=429,
                error=ProviderRateLimitError,
                say="too many Protoface sessions were started in a short time: start fewer",
                again=True,
            ),
            ErrorRule(
                status=503,
                code="at_capacity",
                error=ProviderUnavailableError,
                say="Protoface has no free worker now: try later, or add a fallback provider",
                again=True,
            ),
            ErrorRule(status=404, error=ProviderRejectedError, say=missing),
            ErrorRule(status=409, error=ProviderRejectedError, say=conflict),
        ]
    )


def _full(problem: ApiProblem) -> str:
    remedy = f"end one with `{END_COMMAND}`, or use a larger plan"
    numbers = _NUMBER.findall(problem.message)
    if problem.code not in (None, "concurrent_sessions"):
        return f"a quota of the Protoface plan is used up: see {BILLING}"
    if len(numbers) == 2:
        return f"{numbers[0]} of {numbers[1]} concurrent sessions in use: {remedy}"
    return f"all concurrent sessions of the plan are in use: {remedy}"
