"""How the emulated workers misbehave when they are told to."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerManners:
    """What the workers of sessions claimed from now on do.

    Args:
        never_join: Stay away; the session stays at starting.
        fail_with: Fail the session with this code instead of joining.
        video: Publish video at all.
        join_delay: Seconds until joining.
        leave_after: Seconds after the join: leave, without a word to the session's state.
        crash_after: Seconds after the join: drop the connection.
        freeze_after: Seconds after the join: publish no more pictures.
        deaf_after: Seconds after the join: play and report nothing.
        drop_reports: Never report playback.
        report_delay: Seconds by which reports are late.
    """

    never_join: bool = False
    fail_with: str | None = None
    video: bool = True
    join_delay: float = 0.0
    leave_after: float | None = None
    crash_after: float | None = None
    freeze_after: float | None = None
    deaf_after: float | None = None
    drop_reports: bool = False
    report_delay: float = 0.0
