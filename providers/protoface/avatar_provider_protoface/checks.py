"""Whether a call could start now: key, avatar, credits, concurrency, the API's own word."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from avatar_core.contract.errors import ProviderError, ProviderInvalidResponseError
from avatar_core.contract.models import CheckRequest, Finding
from avatar_core.provider_http.json_api import JsonApi
from avatar_provider_protoface.answers import Avatar, Plan, Quota, Status
from avatar_provider_protoface.api import active_sessions, protoface_api
from avatar_provider_protoface.options import ProtofaceOptions
from avatar_provider_protoface.refusals import BILLING, END_COMMAND

Check = Callable[[JsonApi, CheckRequest], Awaitable[Finding]]


async def check(request: CheckRequest) -> Sequence[Finding]:
    """Look at everything a start needs; nothing is created."""
    api = protoface_api(request)
    findings = []
    for look, what in (
        (_status, "API status"),
        (_avatar, "API key and avatar"),
        (_credits, "credits"),
        (_concurrency, "concurrent sessions"),
    ):
        try:
            findings.append(await look(api, request))
        except ProviderError as exc:
            findings.append(
                Finding(level="error", message=f"{what}: {exc}", remedy=_remedy(exc, request))
            )
            if exc.status_code in (None, 401):  # nobody there, or nobody who knows us:
                break  # the rest would say the same once more
    return findings


async def _status(api: JsonApi, request: CheckRequest) -> Finding:
    found = await api.get("v1", "status", into=Status, public=True, deadline=request.deadline)
    if found.status == "operational":
        return Finding(level="ok", message="the Protoface API says it is operational")
    return Finding(
        level="error" if found.status == "outage" else "warning",
        message=f"the Protoface API says its state is {found.status[:40]!r}",
        remedy="see https://status.protoface.com, or add a fallback provider",
    )


async def _avatar(api: JsonApi, request: CheckRequest) -> Finding:
    options: ProtofaceOptions = request.options
    found = await api.get(
        "v1", "avatars", options.avatar_id, into=Avatar, deadline=request.deadline
    )
    status = found.status[:40] or "in no known state"
    message = f"the API key works; avatar {options.avatar_id} is {status}"
    if found.status == "ready":
        return Finding(level="ok", message=message)
    return Finding(
        level="error",
        message=message,
        remedy="wait until it is ready" if found.status == "processing" else "build it again",
    )


async def _credits(api: JsonApi, request: CheckRequest) -> Finding:
    quota = await api.get("v1", "billing", "quota", into=Quota, deadline=request.deadline)
    left = f"{quota.balance_credits:g} credits left" if quota.balance_credits is not None else ""
    if quota.can_start_session is False:
        return Finding(
            level="error",
            message=f"no session can be started ({left or 'billing'})",
            remedy=f"buy credits or renew the plan: {BILLING}",
        )
    low = quota.low_balance_threshold_credits
    if quota.balance_credits is not None and low is not None and quota.balance_credits <= low:
        return Finding(
            level="warning",
            message=f"{left}: one pays for one started minute of one session",
            remedy=f"buy credits: {BILLING}",
        )
    return Finding(level="ok", message=left or "a session can be started")


async def _concurrency(api: JsonApi, request: CheckRequest) -> Finding:
    quota = await api.get("v1", "billing", "quota", into=Quota, deadline=request.deadline)
    plans = await api.get(
        "v1", "billing", "plans", into=list[Plan], public=True, deadline=request.deadline
    )
    limit = next((plan.max_concurrency for plan in plans if plan.key == quota.plan_key), None)
    used = 0
    async for _ in active_sessions(api, deadline=request.deadline):
        used += 1
    if limit is None:
        return Finding(level="ok", message=f"{used} sessions in use, no limit known")
    if used < limit:
        return Finding(level="ok", message=f"{used} of {limit} concurrent sessions in use")
    return Finding(
        level="error",
        message=f"{used} of {limit} concurrent sessions in use",
        remedy=f"end one with `{END_COMMAND}`, or use a larger plan",
    )


def _remedy(error: ProviderError, request: CheckRequest) -> str:
    if error.status_code == 401:
        return "set PROTOFACE_API_KEY to a key of this environment"
    if error.status_code == 403:
        return "use an unrestricted key"
    if error.status_code == 404 and "avatar" in (error.code or ""):
        return "choose an avatar_id that this key can see"
    # Every other place that is looked at exists: something else has answered.
    if error.status_code == 404 or isinstance(error, ProviderInvalidResponseError):
        return f"check that {request.options.api_url} is the address of Protoface's API"
    if error.retryable:
        return f"check that {request.options.api_url} can be reached from here"
    return "see the error's code in Protoface's documentation"
