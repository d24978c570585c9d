"""A session's avatar in the customer's room: the core's worker with the mock's face."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any

from avatar_core.worker.options import CloseReason, WorkerFaults, WorkerOptions
from avatar_core.worker.renderer import Moment, Renderer
from avatar_provider_protoface.emulator.clock import Clock
from avatar_provider_protoface.emulator.manners import WorkerManners
from avatar_provider_protoface.emulator.patience import wait_unless
from avatar_provider_protoface.emulator.session_run import JoinFailedError, SessionRun

if TYPE_CHECKING:
    from livekit import rtc

    from avatar_core.worker.avatar_worker import AvatarWorker
    from avatar_provider_protoface.emulator.track_ear import TrackEar

logger = logging.getLogger("avatar_provider_protoface.emulator")

AUDIO_TRACK = "protoface-avatar-audio"
VIDEO_TRACK = "protoface-avatar"

_LOST = {
    CloseReason.DISCONNECTED: ("worker_disconnected", "The worker lost the room."),
    CloseReason.CRASHED: ("worker_crashed", "The worker crashed."),
}


class _WatchedFace(Renderer):
    """The mock's face, telling its session what it sees."""

    def __init__(self, face: Renderer, run: SessionRun) -> None:
        self._face = face
        self._run = run
        self.published = False
        self.width, self.height, self.fps = face.width, face.height, face.fps

    def draw(self, moment: Moment) -> rtc.VideoFrame:
        frame = self._face.draw(moment)
        if self.published:
            self._run.frame_sent()
        return frame

    def hear(self, frame: rtc.AudioFrame) -> None:
        if self._run.record.transport["audio_source"] != "track":  # else the ear tells of all
            self._run.audio_received()
        self._face.hear(frame)

    def interrupted(self) -> None:
        self._face.interrupted()

    def idle(self) -> None:
        self._face.idle()

    def close(self) -> None:
        self._face.close()


class RoomWorker:
    """Joins the room of a session with the token the session was given, never with its own.

    Args:
        run: The session.
        manners: How it misbehaves.
        clock: The emulator's time.
        size: Width and height of the picture, in pixels.
        fps: Pictures a second.
    """

    def __init__(
        self,
        *,
        run: SessionRun,
        manners: WorkerManners,
        clock: Clock,
        size: int = 512,
        fps: float = 25.0,
    ) -> None:
        self._run = run
        self._manners = manners
        self._clock = clock
        self._size = size
        self._fps = fps
        self._worker: AvatarWorker | None = None
        self._ear: TrackEar | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._left = asyncio.Event()

    async def join(self) -> None:
        """Join and publish.

        Raises:
            JoinFailedError: The token is not for this room and identity, or was refused.
        """
        from livekit import rtc

        manners, record = self._manners, self._run.record
        if manners.never_join:
            return
        if manners.fail_with:
            raise JoinFailedError(manners.fail_with, "The worker was told to fail.")
        grants = checked_grants(record.token, record.transport, now=time.time())
        if manners.join_delay:
            await wait_unless(self._left, manners.join_delay)
        if self._has_left():
            return
        worker, face = self._make()
        self._worker = worker
        try:
            await worker.start(record.transport["url"], record.token)
        except rtc.ConnectError as exc:
            raise JoinFailedError(
                "worker_join_failed", "The LiveKit server refused the worker or was not reached."
            ) from exc
        except RuntimeError:
            if self._has_left():  # ended while it was joining
                return
            if worker.close_reason is None:
                raise
            self._run.worker_gone(_LOST.get(worker.close_reason))  # taken out of the room then
            return
        face.published = manners.video
        if record.transport["audio_source"] == "track" and not self._has_left():
            self._listen(worker, may_subscribe=grants.get("canSubscribe") is not False)
        self._spawn(self._watch(worker))
        for delay, act in (
            (manners.leave_after, "leave"),
            (manners.crash_after, "crash"),
            (manners.freeze_after, "freeze"),
            (manners.deaf_after, "go_deaf"),
        ):
            if delay is not None:
                self._spawn(self._act_later(delay, act))

    async def leave(self) -> None:
        """Leave the room."""
        self._left.set()
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        if self._ear is not None:
            await self._ear.aclose()
        if self._worker is not None:
            await self._worker.aclose()

    async def act(self, name: str) -> None:
        """Misbehave now."""
        worker = self._worker
        if worker is None:
            return
        if name == "leave":
            await worker.aclose()
        elif name == "crash":
            await worker.crash()
        elif name == "freeze":
            worker.freeze()
        elif name == "go_deaf":
            worker.go_deaf()
        else:
            raise ValueError(f"no such act: {name}")

    def _has_left(self) -> bool:
        # A method: what is read twice around an await may have changed, which mypy does not see.
        return self._left.is_set()

    def _listen(self, worker: AvatarWorker, *, may_subscribe: bool) -> None:
        from avatar_provider_protoface.emulator.track_ear import TrackEar

        transport = self._run.record.transport
        self._ear = TrackEar(
            worker=worker,
            identity=transport.get("subscribe_to_identity"),
            may_subscribe=may_subscribe,
            synthetic=transport["synthetic_audio_if_no_input"],
            clock=self._clock,
            received=self._run.audio_received,
        )
        self._ear.start()

    def _make(self) -> tuple[AvatarWorker, _WatchedFace]:
        from avatar_core.worker.avatar_worker import AvatarWorker
        from avatar_provider_mock.face import MockFace

        face = _WatchedFace(MockFace(width=self._size, height=self._size, fps=self._fps), self._run)
        manners = self._manners
        options = WorkerOptions(
            audio_track_name=AUDIO_TRACK,
            video_track_name=VIDEO_TRACK,
            # Protoface stays, and bills, until it is told or its timeouts say so.
            leave_when_agent_gone=None,
            agent_join_timeout=None,
            faults=WorkerFaults(
                publish_video=manners.video,
                drop_reports=manners.drop_reports,
                report_delay=manners.report_delay,
            ),
        )
        return AvatarWorker(renderer=face, options=options), face

    async def _watch(self, worker: AvatarWorker) -> None:
        reason = await worker.wait_closed()
        if self._ear is not None:
            await self._ear.aclose()
        if not self._left.is_set():
            self._run.worker_gone(_LOST.get(reason))

    async def _act_later(self, delay: float, act: str) -> None:
        await asyncio.sleep(delay)
        await self.act(act)

    def _spawn(self, work: Any) -> None:
        self._tasks.append(asyncio.create_task(work, name="protoface-emulator-worker"))


def checked_grants(token: str, transport: Any, *, now: float) -> dict[str, Any]:
    """Return the room grants of a session's token.

    Whether it is signed by the right key, the LiveKit server tells.

    Raises:
        JoinFailedError: It opens another room, is for somebody else, or cannot be read.
    """
    import jwt

    try:
        claims = jwt.decode(token, options={"verify_signature": False})
    except jwt.PyJWTError:
        raise JoinFailedError("worker_token_invalid", "The worker token is not a JWT.") from None
    grants: dict[str, Any] = claims.get("video") or {}
    if claims.get("sub") != transport["worker_identity"]:
        raise JoinFailedError("worker_token_identity", "The worker token is for another identity.")
    if grants.get("room") != transport["room_name"] or not grants.get("roomJoin"):
        raise JoinFailedError("worker_token_room", "The worker token is for another room.")
    if float(claims.get("exp", now + 1)) <= now:
        raise JoinFailedError("worker_token_expired", "The worker token has expired.")
    return grants
