"""The emulated account: its sessions, its limits, its money."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from typing import Any

from avatar_provider_protoface.emulator.ids import new_id
from avatar_provider_protoface.emulator.problems import ApiProblemError
from avatar_provider_protoface.emulator.records import SessionRecord
from avatar_provider_protoface.emulator.session_run import MakeWorker, SessionRun
from avatar_provider_protoface.emulator.settings import EmulatorSettings

START_WINDOW = 60.0


class Account:
    """Creates sessions as far as the plan allows.

    Args:
        settings: Plan, credits, limits.
        make_worker: Makes a session's worker.
    """

    def __init__(self, *, settings: EmulatorSettings, make_worker: MakeWorker) -> None:
        self._settings = settings
        self._clock = settings.clock
        self._make_worker = make_worker
        self._starts: deque[float] = deque()
        self.org_id = new_id("org", now=self._clock.now())
        self.runs: dict[str, SessionRun] = {}

    @property
    def sessions(self) -> list[SessionRecord]:
        """All sessions, the newest first."""
        return [run.record for run in reversed(self.runs.values())]

    @property
    def unended(self) -> list[SessionRecord]:
        """Sessions that are not over."""
        return [session for session in self.sessions if not session.over]

    @property
    def granted(self) -> int:
        """Credits there were at the start."""
        given = self._settings.credits
        return self._settings.current_plan.credits if given is None else given

    @property
    def balance(self) -> int:
        """Credits that are left."""
        now = self._clock.now()
        return max(0, self.granted - sum(session.credits(now) for session in self.sessions))

    def get(self, session_id: str) -> SessionRun:
        """Return a session.

        Raises:
            ApiProblemError: There is none.
        """
        run = self.runs.get(session_id)
        if run is None:
            raise ApiProblemError(404, "session.not_found", "Session not found.")
        return run

    def create(
        self,
        *,
        avatar_id: str,
        transport: Mapping[str, Any],
        token: str,
        quality: str,
        max_duration_seconds: int | None,
        idle_timeout_seconds: int,
        metadata: Mapping[str, Any],
        surface: str = "api",
    ) -> SessionRecord:
        """Create a session; it is taken up later.

        Raises:
            ApiProblemError: Credits, concurrent sessions or starts a minute are used up.
        """
        self._refuse_beyond_limits()
        now = self._clock.now()
        limit = self._settings.current_plan.seconds
        record = SessionRecord(
            id=new_id("sess", now=now),
            avatar_id=avatar_id,
            transport=transport,
            token=token,
            quality=quality,
            max_duration_seconds=min(max_duration_seconds or limit, limit),
            idle_timeout_seconds=idle_timeout_seconds,
            metadata=metadata,
            created_at=now,
            surface=surface,
        )
        self._starts.append(now)
        run = SessionRun(
            record=record,
            settings=self._settings,
            make_worker=self._make_worker,
            on_change=lambda _: None,
        )
        self.runs[record.id] = run
        run.begin()
        return record

    def _refuse_beyond_limits(self) -> None:
        if self.balance <= 0:
            raise ApiProblemError(
                402, "insufficient_credit_balance", "The credit balance is insufficient."
            )
        limit = self._settings.current_plan.concurrency
        used = len(self.unended)
        if limit is not None and used >= limit:
            raise ApiProblemError(
                429,
                "concurrent_sessions",
                f"Organization {self.org_id} has {used} concurrent sessions; the maximum is"
                f" {limit}.",
                kind="quota_exceeded",
            )
        self._refuse_too_many_starts()

    def _refuse_too_many_starts(self) -> None:
        now = self._clock.now()
        while self._starts and self._starts[0] <= now - START_WINDOW:
            self._starts.popleft()
        most = self._settings.starts_per_minute
        if most is not None and len(self._starts) >= most:
            raise ApiProblemError(
                429,
                "session_start_rate_limited",
                f"At most {most} sessions may be started in a minute.",
                retry_after=math.ceil(self._starts[0] + START_WINDOW - now),
            )

    async def aclose(self) -> None:
        """End every session."""
        for run in self.runs.values():
            await run.aclose()
