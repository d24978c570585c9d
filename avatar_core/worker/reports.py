"""Tells the agent what was played: ``lk.playback_started`` and ``lk.playback_finished``."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass

from livekit import rtc

from avatar_core.log import logger

PLAYBACK_STARTED_METHOD = "lk.playback_started"
PLAYBACK_FINISHED_METHOD = "lk.playback_finished"

_ATTEMPTS = 4
_PAUSE = 0.1  # seconds before the second attempt, doubled before each further one

_ABSENT_ROUND_TRIP = 1.0  # seconds

# Errors that mean the agent's handler did not run. After any other one it may have, and a second
# report would be counted for another segment.
_NOT_DELIVERED = frozenset(
    {
        rtc.RpcError.ErrorCode.UNSUPPORTED_METHOD,  # perhaps not registered yet
        rtc.RpcError.ErrorCode.RECIPIENT_NOT_FOUND,
        rtc.RpcError.ErrorCode.CONNECTION_TIMEOUT,
        rtc.RpcError.ErrorCode.SEND_FAILED,
    }
)


@dataclass(frozen=True, slots=True)
class _Report:
    destination: str
    method: str
    payload: str
    due: float


class PlaybackReporter:
    """Sends reports one after another, in the order of events, and survives every refusal.

    Args:
        room: The worker's room.
        delay: Seconds to hold every report back.
        drop: Send nothing.
        drop_starts: Send no start.
    """

    def __init__(
        self,
        *,
        room: rtc.Room,
        delay: float = 0.0,
        drop: bool = False,
        drop_starts: bool = False,
    ) -> None:
        self._room = room
        self._delay = delay
        self._drop = drop
        self._drop_starts = drop_starts
        self._queue: asyncio.Queue[_Report] = asyncio.Queue()
        self._draining = False
        self._refused: set[tuple[str, str]] = set()

    def started(self, destination: str) -> None:
        """Report that the first sample of a segment is being played."""
        if not self._drop_starts:
            self._put(destination, PLAYBACK_STARTED_METHOD, "")

    def finished(self, destination: str, *, position: float, interrupted: bool) -> None:
        """Report that a segment is over after ``position`` seconds of it."""
        payload = json.dumps({"playback_position": position, "interrupted": interrupted})
        self._put(destination, PLAYBACK_FINISHED_METHOD, payload)

    async def drain(self) -> None:
        """Wait until everything so far has been sent or given up; for the end of a call."""
        self._draining = True
        await self._queue.join()

    async def run(self) -> None:
        """Send until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            report = await self._queue.get()
            try:
                await asyncio.sleep(max(report.due - loop.time(), 0))
                await self._send(report)
            finally:
                self._queue.task_done()

    def _put(self, destination: str, method: str, payload: str) -> None:
        if not self._drop:
            due = asyncio.get_running_loop().time() + self._delay
            self._queue.put_nowait(_Report(destination, method, payload, due))

    async def _send(self, report: _Report) -> None:
        # Whoever plays for an agent that does not listen to starts finds that out only once.
        attempts = _ATTEMPTS if report.method == PLAYBACK_FINISHED_METHOD else 1
        for attempt in range(1, attempts + 1):
            if not self._room.isconnected():
                self._refuse(report, "the worker is not in the room")
                return
            present = report.destination in self._room.remote_participants
            if not present and self._draining:
                # The call would only fail, seconds later.
                self._refuse(report, "the agent is not in the room")
                return
            try:
                answer = await self._room.local_participant.perform_rpc(
                    destination_identity=report.destination,
                    method=report.method,
                    payload=report.payload,
                    # One who has just come back may send before the server lists him again, so
                    # absence is no reason not to try; but not for long.
                    max_round_trip_latency=None if present else _ABSENT_ROUND_TRIP,
                )
            except rtc.RpcError as exc:
                if exc.code not in _NOT_DELIVERED or attempt == attempts:
                    self._refuse(report, f"error {exc.code}")
                    return
                await asyncio.sleep(_PAUSE * 2 ** (attempt - 1))
            else:
                if answer == "reject":
                    self._refuse(report, "rejected by its handler")
                return

    def _refuse(self, report: _Report, reason: str) -> None:
        """Log a report that did not arrive, once for each participant, method and reason."""
        key = (report.destination, report.method + reason)
        if key in self._refused:
            return
        self._refused.add(key)
        level = logger.warning if report.method == PLAYBACK_FINISHED_METHOD else logger.info
        level(
            "playback report not delivered; the agent does not know what was heard",
            extra={"method": report.method, "reason": reason},
        )
