"""Ids as Protoface makes them: a prefix and a ULID."""

from __future__ import annotations

import secrets

_DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def new_id(prefix: str, *, now: float) -> str:
    """Make an id that sorts by time.

    Args:
        prefix: What it is of, such as ``sess``.
        now: Unix time in seconds.
    """
    number = (int(now * 1000) << 80) | secrets.randbits(80)
    digits = [_DIGITS[(number >> (5 * place)) & 31] for place in reversed(range(26))]
    return f"{prefix}_{''.join(digits)}"
