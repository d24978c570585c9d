"""Sessions as ``avatar sessions`` shows them: a table for people, objects for scripts."""

from __future__ import annotations

import datetime
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from avatar_core.cli.output import stdout_console, text
from avatar_core.contract.models import ListedSession
from avatar_core.operations.reaper import Reaped
from avatar_core.operations.verdicts import JudgedSession

if TYPE_CHECKING:
    from rich.table import Table

WIDE = 110
"""Columns from which there is room for more than what tells one session from another."""

_STYLES = {"orphaned": "red", "unchecked": "yellow", "in use": "green"}


def print_sessions(rows: Sequence[tuple[str, ListedSession]]) -> None:
    """Print a table of live sessions.

    Args:
        rows: Provider and session.
    """
    console = stdout_console()
    several = len({provider for provider, _ in rows}) > 1
    wide = console.width >= WIDE
    table = _table()
    if several:
        table.add_column("PROVIDER", overflow="fold")
    # An id is there to be copied: in one piece, if there is any room for it.
    table.add_column("ID", overflow="fold", min_width=min(32, console.width // 2))
    for name in ("STATE", "AGE"):
        table.add_column(name, overflow="fold")
    for name in ("ROOM", "AGENT", *(("JOB", "VERSION") if wide else ())):
        table.add_column(name, overflow="fold")
    for provider, session in rows:
        age = age_of(session)
        cells = [
            text(session.session_id, "bold"),
            text(session.status or "-"),
            text("-" if age is None else age_words(age)),
            text(session.room or "-"),
            text(session.agent_identity or "-"),
        ]
        if wide:
            cells += [text(session.job_id or "-"), text(session.version or "-")]
        table.add_row(*([text(provider)] if several else []), *cells)
    console.print(table)


def print_judged(found: Sequence[JudgedSession]) -> None:
    """Print a table of sessions and what was found out about each, the orphaned ones first.

    Args:
        found: The sessions.
    """
    console = stdout_console()
    several = len({each.provider for each in found}) > 1
    table = _table()
    if several:
        table.add_column("PROVIDER", overflow="fold")
    table.add_column("ID", overflow="fold", min_width=min(32, console.width // 2))
    for name in ("AGE", "FINDING"):
        table.add_column(name, overflow="fold")
    for each in sorted(found, key=lambda each: each.verdict != "orphaned"):
        table.add_row(
            *([text(each.provider)] if several else []),
            text(each.session.session_id or "-", "bold"),
            text(age_words(each.age)),
            text(f"{each.verdict}: {each.reason}", _STYLES.get(each.verdict, "")),
        )
    console.print(table)


def session_json(provider: str, session: ListedSession) -> dict[str, Any]:
    """Return a session for JSON; keys are added over time, never removed.

    Args:
        provider: Where it lives.
        session: The session.
    """
    age = age_of(session)
    return {
        "provider": provider,
        "id": session.session_id,
        "status": session.status,
        "created_at": _iso(session.created_at),
        "age_seconds": None if age is None else round(age, 1),
        "room": session.room,
        "livekit_url": session.livekit_url,
        "agent_identity": session.agent_identity,
        "avatar_identity": session.avatar_identity,
        "job_id": session.job_id,
        "version": session.version,
        "ending": session.ending,
        "metadata": dict(session.metadata),
    }


def judged_json(
    found: Sequence[JudgedSession], outcomes: Mapping[tuple[str, str], Reaped]
) -> list[dict[str, Any]]:
    """Return what was found, and what became of it, for JSON.

    Args:
        found: The sessions.
        outcomes: What became of those that were to be ended.
    """
    rows = []
    for looked_at in found:
        outcome = outcomes.get(looked_at.key)
        each = looked_at if outcome is None else outcome.judged
        rows.append(
            {
                **session_json(each.provider, each.session),
                "id": each.session.session_id or None,
                "source": "provider" if each.stored is None else "journal",
                "verdict": each.verdict,
                "reason": each.reason,
                "ended": outcome is not None and outcome.ended,
                "error": None if outcome is None or outcome.error is None else str(outcome.error),
            }
        )
    return rows


def age_of(session: ListedSession) -> float | None:
    """Return seconds since a session's creation; None if nobody told."""
    return None if session.created_at is None else max(0.0, time.time() - session.created_at)


def age_words(seconds: float) -> str:
    """Say a length of time in as few letters as it can be read in."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02}s"
    if whole < 86400:
        return f"{whole // 3600}h{whole % 3600 // 60:02}m"
    return f"{whole // 86400}d{whole % 86400 // 3600:02}h"


def _iso(created_at: float | None) -> str | None:
    if created_at is None:
        return None
    try:
        moment = datetime.datetime.fromtimestamp(created_at, datetime.timezone.utc)
    except (OverflowError, ValueError, OSError):  # a provider may say anything
        return None
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _table() -> Table:
    from rich.table import Table

    return Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
