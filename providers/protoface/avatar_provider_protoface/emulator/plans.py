"""The public plans, as documented on 2026-10-02."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a plan costs and allows.

    Args:
        key: Its id.
        name: For people.
        price_cents: A month.
        credits: Included a month; one pays for one started minute of one session.
        concurrency: Sessions at once; None for no limit.
        seconds: Longest session.
        avatars: Custom avatars.
    """

    key: str
    name: str
    price_cents: int
    credits: int
    concurrency: int | None
    seconds: int
    avatars: int


PLANS = {
    plan.key: plan
    for plan in (
        Plan(key="free", name="Free", price_cents=0, credits=50, concurrency=1, seconds=120,
             avatars=1),
        Plan(key="starter", name="Starter", price_cents=2000, credits=500, concurrency=2,
             seconds=600, avatars=3),
        Plan(key="launch", name="Launch", price_cents=9999, credits=7500, concurrency=10,
             seconds=1200, avatars=10),
        Plan(key="scale", name="Scale", price_cents=29999, credits=25000, concurrency=None,
             seconds=3600, avatars=50),
    )
}  # fmt: skip

CONCURRENCY_BEFORE_UNCAPPED = 50
"""What the largest plan allowed when limits could not be null yet, as in SDK 0.1.0."""
