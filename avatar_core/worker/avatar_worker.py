"""The avatar's side of a call: joins, receives speech, plays it, shows a face, leaves."""

from __future__ import annotations

import asyncio
import time

from livekit import rtc

from avatar_core.log import logger
from avatar_core.worker.disconnect import DisconnectWatch
from avatar_core.worker.options import CloseReason, WorkerOptions
from avatar_core.worker.presence import AgentPresence
from avatar_core.worker.publisher import connect, leave, publish
from avatar_core.worker.renderer import Moment, Renderer
from avatar_core.worker.speech_path import SpeechPath
from avatar_core.worker.tasks import Parts, bounded
from avatar_core.worker.video import PicturePump, RendererGuard

_DEFAULT_OPTIONS = WorkerOptions()


class AvatarWorker:
    """Runs one avatar in one room, for any renderer, on the event loop that starts it.

    It takes speech over the data stream ``lk.audio_stream``, plays it on an audio track, answers
    ``lk.clear_buffer``, and reports ``lk.playback_started`` when the first sample of a segment is
    played and ``lk.playback_finished`` once for every audio stream that was opened. A stream with
    nothing in it is reported finished at position 0; one that cannot be understood, or that was
    cut off, finished and interrupted at what was really played of it.

    A sender opens the stream that follows an interruption after it has the answer to
    ``lk.clear_buffer``: what is open before that belongs to what is cut off.

    Args:
        renderer: Draws the pictures; closed with the worker.
        agent_identity: Participant to take speech from, and to leave after; None is the first
            one that sends.
        options: Names, codec, timeouts, faults.
    """

    def __init__(
        self,
        *,
        renderer: Renderer,
        agent_identity: str | None = None,
        options: WorkerOptions = _DEFAULT_OPTIONS,
    ) -> None:
        self._renderer = renderer
        self._guard = RendererGuard(renderer)
        self._options = options
        self._agent_identity = agent_identity
        self._agent_state: str | None = None
        self._room: rtc.Room | None = None
        self._identity = ""
        self._audio: rtc.AudioSource | None = None
        self._video: rtc.VideoSource | None = None
        self._speech: SpeechPath | None = None
        self._presence: AgentPresence | None = None
        self._disconnects: DisconnectWatch | None = None
        self._parts = Parts()
        self._connecting: asyncio.Task[None] | None = None
        self._closing: asyncio.Task[None] | None = None
        self._closed: asyncio.Event = asyncio.Event()
        self._reason: CloseReason | None = None
        self._began = 0.0
        self._deaf = False

    @property
    def room(self) -> rtc.Room | None:
        """The worker's room; None before ``start()`` and after the end."""
        return self._room

    @property
    def identity(self) -> str:
        """The worker's own identity; empty before it has joined."""
        return self._identity

    @property
    def agent_identity(self) -> str | None:
        """The participant that speech is taken from; None until one has sent."""
        return self._agent_identity

    @property
    def agent_state(self) -> str | None:
        """The agent's state as last set or published by the agent."""
        return self._agent_state

    @property
    def options(self) -> WorkerOptions:
        """What the worker was made with."""
        return self._options

    @property
    def close_reason(self) -> CloseReason | None:
        """Why the worker is ending or has ended; None while it runs."""
        return self._reason

    async def start(self, url: str, token: str) -> None:
        """Join the room and publish both tracks; pictures flow from then on.

        The token needs ``room_join``, ``can_publish`` (camera, microphone) and
        ``can_publish_data``; subscribing is not needed.

        Args:
            url: Address of the LiveKit server, ``ws://`` or ``wss://``.
            token: Room token of the avatar's participant.

        Raises:
            RuntimeError: The worker was started before, or closed meanwhile.
            rtc.ConnectError: The server was not reached or refused the token.
        """
        if self._room is not None or self._reason is not None:
            raise RuntimeError("an AvatarWorker can be started once; make a new one")
        try:
            await self._start(url, token)
        except BaseException as exc:  # a cancelled start may have joined already
            ended_before = self._reason is not None
            await self._end(CloseReason.CLOSED)
            if ended_before and isinstance(exc, rtc.participant.PublishTrackError):
                raise RuntimeError("the avatar worker was closed while it started") from exc
            raise

    async def aclose(self) -> None:
        """Leave the room and give everything back; safe to call at any time, and again.

        Speech under way is cut off and reported as interrupted where it was.
        """
        await self._end(CloseReason.CLOSED)

    async def wait_closed(self) -> CloseReason:
        """Wait until the worker has left the room and given everything back."""
        await self._closed.wait()
        assert self._reason is not None
        return self._reason

    def set_agent_state(self, state: str) -> None:
        """Tell the renderer the agent's state, as LiveKit names it.

        A worker that can see the agent's attributes reads it there too; whatever came last holds.
        """
        self._agent_state = state

    def hear(self, frame: rtc.AudioFrame, *, sender: str | None = None) -> None:
        """Play sound that arrives live and otherwise than by stream, from a track for instance.

        It is played as it comes, silence too; nothing is reported about it. Of sound that would
        be more than 0.2 seconds late the oldest is dropped, and all of it while a stream plays.
        The renderer takes what is loud for segments. Call it on the worker's event loop; before
        the worker has joined, and after its end, it does nothing.

        Args:
            frame: Sound of any rate and number of channels, 0.1 seconds at most.
            sender: The participant it comes from, who may then send ``lk.clear_buffer``, and who
                is the agent if there is no other; None for nobody in the room.

        Raises:
            ValueError: Rate or number of channels is out of range.
        """
        if self._speech is not None:
            self._speech.hear(frame, sender=sender)

    def freeze(self) -> None:
        """Fault: publish no more pictures; sound goes on."""
        self._parts.stop("pictures")

    def go_deaf(self) -> None:
        """Fault: answer calls and go on drawing, but play nothing and report nothing."""
        self._deaf = True  # also of what is made at a start still to come
        if self._speech is not None:
            self._speech.go_deaf()

    async def crash(self) -> None:
        """Fault: drop the connection in mid-sentence, without a report."""
        self.go_deaf()  # nothing of what ends now is reported
        await self._end(CloseReason.CRASHED)

    async def _start(self, url: str, token: str) -> None:
        options = self._options
        self._began = time.monotonic()
        room = self._room = rtc.Room()
        # The lookahead twice, so that handing over a frame never waits for room in the queue.
        queue_ms = 10 * round(options.lookahead * 200)
        self._audio = rtc.AudioSource(options.audio_rate, 1, queue_size_ms=queue_ms)
        speech = self._speech = SpeechPath(
            room=room,
            source=self._audio,
            renderer=self._guard,
            agent_identity=self._agent_identity,
            sender_found=self._on_sender,
            options=options,
        )
        if self._deaf:
            speech.go_deaf()
        self._presence = AgentPresence(
            room=room,
            identity=self._agent_identity,
            gone_after=options.leave_when_agent_gone,
            join_timeout=options.agent_join_timeout,
            gone=self._end_soon,
            state_changed=self.set_agent_state,
        )
        self._disconnects = DisconnectWatch(room=room, gone=self._end_soon)
        size = (self._renderer.width, self._renderer.height)
        fps = float(self._renderer.fps)
        if options.faults.publish_video:
            self._video = rtc.VideoSource(*size)
            # Drawing begins before joining: the first picture, often the dearest, is ready.
            pictures = PicturePump(
                renderer=self._guard, size=size, fps=fps, source=self._video, moment=self._moment
            )
            self._parts.spawn("pictures", pictures.run())
        for name, work in speech.work().items():
            self._parts.spawn(name, work)

        # A task of its own: a connect that is cancelled half way would leave a participant in
        # the room that nobody holds.
        self._connecting = asyncio.create_task(
            connect(room, url, token, options=options), name="avatar_worker.connect"
        )
        await asyncio.shield(self._connecting)
        self._identity = room.local_participant.identity
        speech.joined()
        self._presence.start()
        audio, video = self._audio, self._video
        sound = await publish(
            room, audio=audio, video=video, size=size, fps=fps, options=options, closed=self._closed
        )
        self._parts.spawn("listener", speech.release_when_heard(sound))

    def _moment(self, now: float) -> Moment:
        assert self._speech is not None
        heard = self._speech.heard(now + self._options.picture_delay, 1 / self._renderer.fps)
        return Moment(
            time=now - self._began,
            speaking=heard.speaking,
            audio=heard.audio,
            sample_rate=self._options.audio_rate,
            position=heard.position,
            segment=heard.segment,
            agent_state=self._agent_state,
        )

    def _on_sender(self, identity: str) -> None:
        self._agent_identity = identity
        if self._presence is not None:
            self._presence.agent_is(identity)

    def _end_soon(self, reason: CloseReason) -> None:
        if self._closing is None:
            logger.info("avatar worker leaves its room", extra={"reason": reason.value})
            self._reason = reason
            self._closing = asyncio.create_task(self._close(), name="avatar_worker.close")

    async def _end(self, reason: CloseReason) -> None:
        self._end_soon(reason)
        assert self._closing is not None
        # Shielded: a caller that gives up waiting must not leave the avatar half in the room.
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        try:
            await self._leave()
        finally:
            await self._parts.aclose()
            for source in (self._audio, self._video):
                if source is not None:
                    await source.aclose()
            self._guard.tell("close")
            # The room's native handles go with the last reference to it.
            self._room = self._audio = self._video = None
            self._speech = self._presence = self._disconnects = self._connecting = None
            self._closed.set()

    async def _leave(self) -> None:
        room, timeout = self._room, self._options.close_timeout
        if room is None:
            return
        try:
            if self._disconnects is not None:
                self._disconnects.close()
            if self._presence is not None:
                self._presence.close()
            if self._speech is not None:
                await self._speech.aclose()
        finally:
            leaving = asyncio.create_task(leave(room, self._connecting), name="avatar_worker.leave")
            await bounded(leaving, timeout, "leaving the room; it goes on in the background")
