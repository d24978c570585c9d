"""One session from its creation to its end, on the emulator's clock."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from avatar_provider_protoface.emulator.clock import Timer
from avatar_provider_protoface.emulator.records import SessionRecord
from avatar_provider_protoface.emulator.settings import EmulatorSettings

logger = logging.getLogger("avatar_provider_protoface.emulator")


class JoinFailedError(Exception):
    """The worker could not join.

    Args:
        code: The session's failure code.
        message: For people; no token, no url.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code)
        self.code = code
        self.message = message


class SessionWorker(Protocol):
    """What makes a session visible: an avatar in the room."""

    async def join(self) -> None:
        """Join; raises JoinFailedError."""

    async def leave(self) -> None:
        """Leave; safe at any time, and again."""

    async def act(self, name: str) -> None:
        """Misbehave: leave, crash, freeze or go_deaf."""


MakeWorker = Callable[["SessionRun"], "SessionWorker | None"]


class SessionRun:
    """Moves a session through its states.

    Args:
        record: The session.
        settings: Delays and clock.
        make_worker: Makes the worker when one takes the session up; None where nobody joins.
        on_change: Called after each change of state.
    """

    def __init__(
        self,
        *,
        record: SessionRecord,
        settings: EmulatorSettings,
        make_worker: MakeWorker,
        on_change: Callable[[SessionRecord], None],
    ) -> None:
        self.record = record
        self._settings = settings
        self._clock = settings.clock
        self._make_worker = make_worker
        self._on_change = on_change
        self._timers: list[Timer] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._heard_at = 0.0
        self.worker: SessionWorker | None = None

    def begin(self) -> None:
        """Wait for a worker to take it up."""
        self._later(self._settings.claim_seconds, self._claim)

    def end(self) -> None:
        """End it now; one that is over, or ending, stays as it is."""
        record = self.record
        if record.over or record.status == "ending":
            return
        if record.status in ("created", "queued"):
            self._over("canceled")
            return
        self._stop_timers()
        self._to("ending")
        if self.worker is None:
            self._later(self._settings.drain_seconds, lambda: self._over("ended"))
        else:
            self._spawn(self._drain(self.worker), "drain")

    # --- what the worker tells -----------------------------------------------------------------

    def frame_sent(self) -> None:
        """A picture was published; the first one makes the session run."""
        record = self.record
        record.frames += 1
        if record.status == "starting":
            record.first_frame_at = self._clock.now()
            self._to("running")

    def audio_received(self) -> None:
        """Speech arrived: the session is not idle."""
        self._heard_at = self._clock.now()

    def worker_gone(self, failure: tuple[str, str] | None) -> None:
        """The worker is no longer in the room, and nobody asked it to leave.

        Args:
            failure: Code and message where that is a failure; None where the room or its owner
                took it out.
        """
        if self.record.over or self.record.status == "ending":
            return
        if failure is None:
            self.end()
        else:
            self._fail(*failure)

    async def aclose(self) -> None:
        """End it and wait until its worker is gone."""
        self.end()
        while self._tasks:
            await asyncio.wait(list(self._tasks))
        if not self.record.over:
            self._over("ended")

    # --- states --------------------------------------------------------------------------------

    def _claim(self) -> None:
        record = self.record
        record.started_at = self._heard_at = self._clock.now()
        self._to("starting")
        self._later(record.max_duration_seconds, self.end)
        self._later(record.idle_timeout_seconds, self._check_idle)
        self.worker = self._make_worker(self)
        if self.worker is None:
            self._later(self._settings.first_frame_seconds, self.frame_sent)
        else:
            self._spawn(self._join(self.worker), "join")

    async def _join(self, worker: SessionWorker) -> None:
        try:
            await worker.join()
        except JoinFailedError as exc:
            logger.warning(
                "the emulated worker could not join: %s",
                exc.message,
                extra={"session_id": self.record.id, "code": exc.code},
            )
            await worker.leave()
            if not self.record.over and self.record.status != "ending":
                self._fail(exc.code, exc.message)

    async def _drain(self, worker: SessionWorker) -> None:
        await worker.leave()
        self._over("ended")

    def _check_idle(self) -> None:
        left = self._heard_at + self.record.idle_timeout_seconds - self._clock.now()
        if left <= 0:
            self.end()
        else:
            self._later(left, self._check_idle)

    def _fail(self, code: str, message: str) -> None:
        self.record.failure = (code, message)
        if self.worker is not None:
            self._spawn(self.worker.leave(), "leave")
        self._over("failed")

    def _over(self, status: str) -> None:
        if self.record.over:
            return
        self._stop_timers()
        if status == "failed":
            self.record.failed_at = self._clock.now()
        else:
            self.record.ended_at = self._clock.now()
        self.record.token = ""  # nothing has a use for it any more
        self._to(status)

    def _to(self, status: str) -> None:
        self.record.status = status
        self.record.history.append(status)
        logger.info("session %s is %s", self.record.id, status)
        self._on_change(self.record)

    def _later(self, seconds: float, act: Callable[[], None]) -> None:
        self._timers.append(self._clock.call_later(seconds, act))

    def _stop_timers(self) -> None:
        timers, self._timers = self._timers, []
        for timer in timers:
            timer.cancel()

    def _spawn(self, work: Coroutine[Any, Any, None], what: str) -> None:
        task = asyncio.create_task(work, name=f"protoface-emulator-{what}")
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if error is not None:
            logger.error("a session's worker failed", exc_info=error)
            if not self.record.over:
                self.record.failure = ("worker_error", "The worker failed.")
                self._over("failed")
