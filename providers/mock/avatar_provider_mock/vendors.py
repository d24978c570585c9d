"""How slowly real avatar services join and report, for ``like=``.

A mock that joins in half a second hides the greeting that a real avatar's user never hears.
Where a figure was observed, its source stands beside it; the others are round numbers of the
right order, so that code is exercised against them, and say nothing about a service's quality.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorManners:
    """The manners of one service.

    Args:
        join_delay: Seconds from the start of a session to its participant's join.
        report_delay: Seconds by which playback reports are late.
        sample_rate: Rate it takes speech in, Hz; None for any.
        session_cap: Sessions at once on its smallest plan; None where unknown.
        source: Where the figures come from.
    """

    join_delay: float
    report_delay: float
    sample_rate: int | None
    session_cap: int | None
    source: str

    def manners(self) -> dict[str, Any]:
        """Options of the mock that stand for these manners."""
        values: dict[str, Any] = {
            "join_delay": self.join_delay,
            "report_delay": self.report_delay,
            "sample_rate": self.sample_rate,
        }
        if self.session_cap is not None:
            values["session_cap"] = self.session_cap
        return values


VENDORS = {
    "protoface": VendorManners(
        join_delay=1.9,
        report_delay=1.6,
        sample_rate=16000,
        session_cap=1,
        source="first frame 1.9 s after creation in the API specification's example; reports at"
        " audio length + 1.5 to 1.8 s in 13 of 13 turns observed by a user; free plan: 1 session",
    ),
    "runway": VendorManners(
        join_delay=5.0,
        report_delay=0.3,
        sample_rate=16000,
        session_cap=None,
        source="rate from livekit-plugins-runway 1.8.9; the delays are assumed",
    ),
    "tavus": VendorManners(
        join_delay=4.0,
        report_delay=0.3,
        sample_rate=24000,
        session_cap=None,
        source="rate from livekit-plugins-tavus 1.8.9; the delays are assumed",
    ),
    "bey": VendorManners(
        join_delay=3.0,
        report_delay=0.3,
        sample_rate=16000,
        session_cap=None,
        source="rate from livekit-plugins-bey 1.8.9; the delays are assumed",
    ),
}
