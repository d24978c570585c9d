"""Query parameters, strictly."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from typing import Protocol, TypeVar
from zoneinfo import ZoneInfo

from multidict import MultiMapping

from avatar_provider_protoface.emulator.problems import ApiProblemError
from avatar_provider_protoface.emulator.records import ACTIVE, STATUSES, TERMINAL, SessionRecord

DEFAULT_LIMIT = 20
MOST = 100


class _HasId(Protocol):
    @property
    def id(self) -> str: ...


T = TypeVar("T", bound=_HasId)


def cut_page(
    items: Sequence[T], query: MultiMapping[str], *, among: Sequence[T] | None = None
) -> tuple[Sequence[T], bool]:
    """Cut a page out of a list.

    Args:
        items: What is asked for, in order.
        query: With ``limit`` and ``starting_after``.
        among: All that a page may begin after, in order; what was on the page before may not be
            asked for any more, as a session that has ended meanwhile. None for the items alone.

    Returns:
        The page, and whether there is more.
    """
    try:
        limit = int(query.get("limit", str(DEFAULT_LIMIT)))
    except ValueError:
        limit = 0
    if not 1 <= limit <= MOST:
        raise ApiProblemError(422, "limit.invalid", "limit is 1 to 100.", param="limit")
    after = query.get("starting_after")
    if after is not None:
        ids = [item.id for item in (items if among is None else among)]
        if after not in ids:
            raise ApiProblemError(
                400, "starting_after.unknown", "Unknown cursor.", param="starting_after"
            )
        following = set(ids[ids.index(after) + 1 :])
        items = [item for item in items if item.id in following]
    return items[:limit], limit < len(items)


def select_sessions(
    sessions: Sequence[SessionRecord], query: MultiMapping[str]
) -> list[SessionRecord]:
    """Keep the sessions that a query asks for."""
    wanted: set[str] = set()
    for status in query.getall("status", []):
        if status == "active":
            wanted |= ACTIVE
        elif status == "terminal":
            wanted |= TERMINAL
        elif status in STATUSES:
            wanted.add(status)
        else:
            raise ApiProblemError(400, "status.unknown", "Unknown status.", param="status")
    avatar = query.get("avatar_id")
    after = read_moment(query, "created_after")
    before = read_moment(query, "created_before")
    return [
        session
        for session in sessions
        if (not wanted or session.status in wanted)
        and (avatar is None or session.avatar_id == avatar)
        and (after is None or session.created_at >= after)
        and (before is None or session.created_at < before)
    ]


def read_moment(query: MultiMapping[str], name: str) -> float | None:
    """Read a time; one without a zone is UTC."""
    value = query.get(name)
    if value is None:
        return None
    try:
        # A plus sign that nobody escaped arrives as a space; Python 3.10 knows no Z.
        found = datetime.fromisoformat(value.replace(" ", "+").replace("Z", "+00:00"))
    except ValueError:
        raise ApiProblemError(422, f"{name}.invalid", "Not a time.", param=name) from None
    return (found if found.tzinfo else found.replace(tzinfo=timezone.utc)).timestamp()


def usage_period(query: MultiMapping[str], *, now: float) -> tuple[float, float]:
    """Read what period is asked for: a named one, or two times."""
    named = query.get("period")
    begin, end = read_moment(query, "period_start"), read_moment(query, "period_end")
    if (named is None) == (begin is None or end is None) or (
        named is not None and (begin is not None or end is not None)
    ):
        raise ApiProblemError(
            400, "usage.period.invalid", "Give period, or both period_start and period_end."
        )
    if begin is not None and end is not None:
        if end <= begin:
            raise ApiProblemError(400, "usage.period.invalid", "The period is empty.")
        return begin, end
    zone = _zone(query)
    this = datetime.fromtimestamp(now, zone).replace(
        day=1, hour=0, minute=0, second=0, microsecond=0
    )
    following = (this + timedelta(days=32)).replace(day=1)
    if named == "current_month":
        return this.timestamp(), following.timestamp()
    if named == "previous_month":
        return (this - timedelta(days=1)).replace(day=1).timestamp(), this.timestamp()
    raise ApiProblemError(400, "usage.period.invalid", "Unknown period.", param="period")


def _zone(query: MultiMapping[str]) -> timezone | ZoneInfo:
    name = query.get("time_zone")
    if name is None or name == "UTC":
        return timezone.utc
    try:
        if len(name) > 64:
            raise ValueError
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        raise ApiProblemError(
            400, "time_zone.unknown", "Unknown time zone.", param="time_zone"
        ) from None
