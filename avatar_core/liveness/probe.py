"""Asks a participant for a sign of life by calls of a method that nobody registers."""

from __future__ import annotations

import asyncio
import time
from collections import deque

from livekit import rtc

from avatar_core.liveness.adaptive_deadline import AdaptiveDeadline

METHOD = "avatar_core.alive"
"""Answered by LiveKit's native library itself, with "unsupported method"."""

MOST_OUTSTANDING = 3
"""Calls of one participant without an answer at a time; the latest is given up for another. They
go on while the verdict is formed, for what acknowledges them shows that the agent's own connection
lives, and the oldest stay, for their answers may only be late."""

MOST_IN_PROCESS = 8
"""The same of all participants, above which each gets one. Every event of the process is handed to
each call that waits, under a lock that native threads must get hold of for each anew (livekit rtc
1.1.21): with forty of them an event takes longer than it takes the next one to come, and nothing
is answered any more."""

_PATIENCE = 2.0
_IN_DOUBT = 0.3
# LiveKit logs an error for each answer that comes after this; they do when a cut is over.
_ROUND_TRIP_LIMIT = 15.0
_RESPONSE_LIMIT = 20.0
_REMEMBERED = 200

_in_process: set[asyncio.Task[None]] = set()

_CODES = rtc.RpcError.ErrorCode
# Made on this side of the connection, or by the server.
_NO_SIGN = frozenset(
    {
        _CODES.CONNECTION_TIMEOUT,
        _CODES.RESPONSE_TIMEOUT,
        _CODES.RECIPIENT_DISCONNECTED,
        _CODES.SEND_FAILED,
        _CODES.RECIPIENT_NOT_FOUND,
        _CODES.REQUEST_PAYLOAD_TOO_LARGE,
        _CODES.UNSUPPORTED_SERVER,
    }
)


class Probe:
    """Calls one participant, never waits, and knows what was answered.

    Args:
        room: The agent's room.
        identity: The participant.
        deadline: Learns from the answers.
    """

    def __init__(self, *, room: rtc.Room, identity: str, deadline: AdaptiveDeadline) -> None:
        self._room = room
        self._identity = identity
        self._deadline = deadline
        self._calls: dict[asyncio.Task[None], None] = {}
        self._sent: deque[float] = deque(maxlen=_REMEMBERED)
        self.answered: float | None = None
        """``time.monotonic()`` at which the latest call with an answer was sent: the participant
        lived then, at least."""
        self.unanswered_since: float | None = None
        """``time.monotonic()`` of the first call after it, which has no answer yet; None if
        nothing waits. A call that timed out still counts."""

    @property
    def late(self) -> bool:
        """An answer has taken longer than they usually do."""
        since = self.unanswered_since
        return since is not None and time.monotonic() - since > self._deadline.deadline

    @property
    def waiting(self) -> bool:
        """A call is under way."""
        return bool(self._calls)

    def send(self, *, every: float) -> None:
        """Call, unless that was done a moment ago.

        Args:
            every: Seconds from one call to the next.
        """
        now = time.monotonic()
        waited = 0.0 if self.unanswered_since is None else now - self.unanswered_since
        if waited > _PATIENCE:  # the verdict waits for something else
            every = max(every, _IN_DOUBT)
        # A tick comes a little early as often as late: half of one makes no other rhythm of it.
        recent = bool(self._sent) and now - self._sent[-1] < every - 0.02
        if recent or not self._room.isconnected():
            return
        if not self._make_room():
            return
        self._sent.append(now)
        if self.unanswered_since is None:
            self.unanswered_since = now
        call = asyncio.create_task(self._call(now), name="liveness.probe")
        self._calls[call] = None
        call.add_done_callback(self._calls.pop)
        _in_process.add(call)
        call.add_done_callback(_in_process.discard)

    def _make_room(self) -> bool:
        if self._calls and len(_in_process) >= MOST_IN_PROCESS:
            return False
        if len(self._calls) >= MOST_OUTSTANDING:
            next(reversed(self._calls)).cancel()
        return True

    async def aclose(self) -> None:
        """Give up on what is under way."""
        calls = list(self._calls)
        for call in calls:
            call.cancel()
        if calls:
            await asyncio.wait(calls)

    async def _call(self, sent: float) -> None:
        try:
            await self._room.local_participant.perform_rpc(
                destination_identity=self._identity,
                method=METHOD,
                payload="",
                response_timeout=_RESPONSE_LIMIT,
                max_round_trip_latency=_ROUND_TRIP_LIMIT,
            )
        except rtc.RpcError as exc:
            if exc.code in _NO_SIGN:
                return
        self._deadline.observe(time.monotonic() - sent)
        if self.answered is None or sent > self.answered:
            self.answered = sent
            later = [each for each in self._sent if each > sent]
            self._sent = deque(later, maxlen=_REMEMBERED)
            self.unanswered_since = later[0] if later else None
