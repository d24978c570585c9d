"""Records as answers, in one of two profiles."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any

from avatar_provider_protoface.emulator.plans import CONCURRENCY_BEFORE_UNCAPPED, Plan
from avatar_provider_protoface.emulator.records import AvatarRecord, SessionRecord
from avatar_provider_protoface.emulator.settings import Profile


def moment(when: float) -> str:
    """Write a unix time as the API does: UTC, milliseconds, Z."""
    text = datetime.fromtimestamp(when, timezone.utc).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def session_view(session: SessionRecord, *, now: float, profile: Profile) -> dict[str, Any]:
    """Return a session; what is not set is left out."""
    view: dict[str, Any] = {
        "id": session.id,
        "object": "session",
        "status": session.status,
        "avatar_id": session.avatar_id,
        "transport": dict(session.transport),
        "quality": session.quality,
        "max_duration_seconds": session.max_duration_seconds,
        "idle_timeout_seconds": session.idle_timeout_seconds,
        "metadata": dict(session.metadata),
        "created_at": moment(session.created_at),
    }
    if profile == "current":
        view["billing_surface"] = session.surface
    for name in ("started_at", "first_frame_at", "ended_at", "failed_at"):
        when = getattr(session, name)
        if when is not None:
            view[name] = moment(when)
    if session.failure is not None:
        code, message = session.failure
        view["failure"] = {"code": code, "message": message}
    if session.started_at is not None:
        view["usage"] = {
            "billable_seconds": int(session.seconds(now)),
            "frames": session.frames,
        }
    return view


def avatar_view(avatar: AvatarRecord, *, profile: Profile) -> dict[str, Any]:
    """Return an avatar."""
    view: dict[str, Any] = {
        "id": avatar.id,
        "object": "avatar",
        "name": avatar.name,
        "status": avatar.status,
        "runtime_type": avatar.runtime_type,
        "is_demo": avatar.is_demo,
        "created_at": moment(avatar.created_at),
    }
    if avatar.failure_reason is not None:
        view["failure_reason"] = avatar.failure_reason
    if profile == "current":
        view["is_photo_upload"] = not avatar.is_demo
        view["voice"] = None
        view["voice_instructions"] = None
        view["custom_instructions"] = None
    return view


def plan_view(plan: Plan, *, profile: Profile) -> dict[str, Any]:
    """Return a plan."""
    view: dict[str, Any] = {
        "key": plan.key,
        "name": plan.name,
        "monthly_price_cents": plan.price_cents,
        "included_credits": plan.credits,
        "extra_credit_unit_micros": 10_000 if plan.price_cents else None,
        "max_concurrency": plan.concurrency,
        "custom_avatar_slots": plan.avatars,
        "extra_avatar_slot_cents": None,
        "session_time_limit_seconds": plan.seconds,
    }
    if profile == "current":
        view |= {
            "family": "realtime",
            "max_video_concurrency": plan.concurrency,
            "studio_included_credits": 0,
            "voice_clone_slots": 0,
            "enterprise": False,
        }
    elif plan.concurrency is None:
        view["max_concurrency"] = CONCURRENCY_BEFORE_UNCAPPED
    return view


def page_view(items: Sequence[dict[str, Any]], *, has_more: bool) -> dict[str, Any]:
    """Return a part of a list; the last item's id is where the next part begins."""
    view: dict[str, Any] = {"object": "list", "data": list(items), "has_more": has_more}
    if has_more:
        view["next_cursor"] = items[-1]["id"]
    return view
