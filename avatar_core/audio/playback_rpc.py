"""One owner of ``lk.playback_*`` for each local participant, who routes by caller."""

from __future__ import annotations

import inspect
import json
import weakref
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from livekit import rtc

from avatar_core.log import logger

PLAYBACK_STARTED = "lk.playback_started"
PLAYBACK_FINISHED = "lk.playback_finished"
CLEAR_BUFFER = "lk.clear_buffer"

RpcHandler = Callable[[rtc.RpcInvocationData], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaybackReport:
    """What an avatar says at the end of a segment.

    Args:
        position: Seconds really played.
        interrupted: It was cut off.
    """

    position: float
    interrupted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaybackListener:
    """What to call when an avatar reports.

    Args:
        on_started: Its segment has begun to play.
        on_finished: Its segment is over.
    """

    on_started: Callable[[], None]
    on_finished: Callable[[PlaybackReport], None]


class PlaybackDispatcher:
    """Routes the playback reports that reach one local participant.

    LiveKit's own sender keeps class-level tables keyed by the avatar's identity alone, so two
    rooms with one identity mix up their reports, and ``register_rpc_method`` replaces a handler
    silently (livekit-agents 1.8.9). Here there is one dispatcher a participant, and whoever
    was registered before gets the callers it does not know.
    """

    _of_participant: weakref.WeakKeyDictionary[rtc.LocalParticipant, PlaybackDispatcher] = (
        weakref.WeakKeyDictionary()
    )

    def __init__(self, participant: rtc.LocalParticipant) -> None:
        self._participant = weakref.ref(participant)
        self._listeners: dict[str, PlaybackListener] = {}
        self._earlier: dict[str, RpcHandler] = {}

    @classmethod
    def of(cls, participant: rtc.LocalParticipant) -> PlaybackDispatcher:
        """Return the participant's dispatcher, making it on first use."""
        dispatcher = cls._of_participant.get(participant)
        if dispatcher is None:
            dispatcher = cls._of_participant[participant] = cls(participant)
        return dispatcher

    def listen(self, identity: str, listener: PlaybackListener) -> Callable[[], None]:
        """Route an avatar's reports to a listener; returns the call that stops it.

        Args:
            identity: Identity of the avatar participant that will call.
            listener: Who is told.
        """
        self._listeners[identity] = listener
        self.reclaim()

        def stop() -> None:
            if self._listeners.get(identity) is listener:
                del self._listeners[identity]
                if not self._listeners:
                    self._give_back()

        return stop

    def reclaim(self) -> None:
        """Become the registered handler again, after somebody else registered one."""
        participant = self._participant()
        if participant is None:
            return
        for method, handler in (
            (PLAYBACK_STARTED, self._started),
            (PLAYBACK_FINISHED, self._finished),
        ):
            current = _registered(participant).get(method)
            if current != handler:
                if current is not None:
                    self._earlier[method] = current
                participant.register_rpc_method(method, handler)

    def _give_back(self) -> None:
        participant = self._participant()
        if participant is None:
            return
        for method, handler in (
            (PLAYBACK_STARTED, self._started),
            (PLAYBACK_FINISHED, self._finished),
        ):
            earlier = self._earlier.pop(method, None)
            if _registered(participant).get(method) != handler:
                continue  # somebody registered over it: theirs to keep
            if earlier is not None:
                participant.register_rpc_method(method, earlier)
            else:
                participant.unregister_rpc_method(method)

    async def _started(self, data: rtc.RpcInvocationData) -> str:
        listener = self._listeners.get(data.caller_identity)
        if listener is None:
            return await self._pass_on(PLAYBACK_STARTED, data)
        listener.on_started()
        return "ok"

    async def _finished(self, data: rtc.RpcInvocationData) -> str:
        listener = self._listeners.get(data.caller_identity)
        if listener is None:
            return await self._pass_on(PLAYBACK_FINISHED, data)
        listener.on_finished(_parse(data))
        return "ok"

    async def _pass_on(self, method: str, data: rtc.RpcInvocationData) -> str:
        earlier = self._earlier.get(method)
        if earlier is None:
            logger.debug("playback report from a participant nobody listens to")
            return "reject"
        answer = earlier(data)
        if inspect.isawaitable(answer):
            answer = await _typed(answer)
        return str(answer)


async def _typed(answer: Awaitable[Any]) -> Any:
    return await answer


def _registered(participant: rtc.LocalParticipant) -> dict[str, RpcHandler]:
    # There is no public way to ask who is registered (livekit rtc 1.1.21).
    handlers: dict[str, RpcHandler] = getattr(participant, "_rpc_handlers", {})
    return handlers


def _parse(data: rtc.RpcInvocationData) -> PlaybackReport:
    """Read a report, tolerating keys it does not know.

    Raises:
        rtc.RpcError: The payload is no report; the caller is told, and nothing else happens.
    """
    try:
        payload = json.loads(data.payload)
        return PlaybackReport(
            position=max(0.0, float(payload["playback_position"])),
            interrupted=bool(payload["interrupted"]),
        )
    except (ValueError, TypeError, KeyError) as exc:
        raise rtc.RpcError(
            rtc.RpcError.ErrorCode.APPLICATION_ERROR,
            'payload must be {"playback_position": seconds, "interrupted": bool}',
        ) from exc
