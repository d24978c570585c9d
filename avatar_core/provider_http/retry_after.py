"""When an API asks to be called again."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime


def retry_after_seconds(headers: Mapping[str, str], *, now: float) -> float | None:
    """Read ``Retry-After``: seconds, or a date.

    A date is compared with the answer's own ``Date``, so that clocks need not agree.

    Args:
        headers: Of the answer; names in any case where the mapping allows it.
        now: Unix time, for an answer without a date.

    Returns:
        Seconds from now, 0 at least; None without the header or with nonsense in it.
    """
    value = (headers.get("Retry-After") or "").strip()
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        moment = _unix_time(value)
        if moment is None:
            return None
        answered = _unix_time(headers.get("Date") or "")
        seconds = moment - (now if answered is None else answered)
    return max(0.0, seconds) if math.isfinite(seconds) else None


def _unix_time(value: str) -> float | None:
    try:
        moment: datetime = parsedate_to_datetime(value.strip())
    except (TypeError, ValueError, IndexError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return moment.timestamp()
