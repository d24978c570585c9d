"""One session of a provider in one call: followed into the room, spoken through, let go."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from livekit import rtc
from livekit.agents import AgentSession

from avatar_core.audio.avatar_end import AvatarEnd
from avatar_core.audio.speech_progress import SpeechUnderWay
from avatar_core.contract.audio_routes import DataStream
from avatar_core.liveness.liveness_watch import LivenessWatch
from avatar_core.liveness.loss import Loss
from avatar_core.liveness.speech_now import SpeechNow
from avatar_core.session.avatar_metrics import AvatarMetricsSource
from avatar_core.session.avatar_presence import AvatarPresence
from avatar_core.session.avatar_reception import AvatarReception
from avatar_core.session.candidate_start import RunningSession
from avatar_core.session.explained_end import explained_end
from avatar_core.session.policy import AvatarPolicy
from avatar_core.session.provider_notices import ProviderNotices
from avatar_core.session.run_listener import RunListener
from avatar_core.timed_wait import event_within

START_LAG = 0.7
"""Seconds that an avatar may take to be heard, where its reports lag less. Its first packets may be
sent again after a second: two seconds, all in all, are the longest that nobody is heard."""

RECEIVED_SECONDS = 2.0
"""Seconds within which the sound of an avatar that has joined reaches who is in the room: 0.1 to
0.2 s, more on a busy machine. The agent need not be among them."""


class AvatarRun:
    """Follows one provider session from its creation on.

    Args:
        running: The session, and the provider it is at.
        agent_session: The agent whose speech it says.
        room: The agent's room.
        policy: How long it may take to join, and what is watched.
        speech: What it is saying at the moment, asked of whoever feeds it.
        emit: Emits on the public session.
        listener: Who is told.
        attempt: Which of the call's attempts started it, from 0.
    """

    def __init__(
        self,
        *,
        running: RunningSession,
        agent_session: AgentSession[Any],
        room: rtc.Room,
        policy: AvatarPolicy,
        speech: Callable[[AvatarEnd], SpeechUnderWay | None],
        emit: Callable[..., None],
        listener: RunListener,
        attempt: int,
    ) -> None:
        self.attempt = attempt
        self.started_at = time.time()
        self.slot = running.slot
        self.session = running.session
        self._room = room
        self._policy = policy
        self._speech = speech
        self._listener = listener
        self._end: AvatarEnd | None = None
        self._presence: AvatarPresence | None = None
        self._join_timer: asyncio.Task[None] | None = None
        self._grace_timer: asyncio.TimerHandle | None = None
        self._outcome: asyncio.Future[bool] | None = None
        self.present = False
        """It is there to be spoken through."""
        self.gone = asyncio.Event()
        """It will not come back, or cannot be spoken through."""
        self._followed = True
        self._notifying = False
        self._reception = AvatarReception()
        self._stopping: set[asyncio.Task[None]] = set()
        self._metrics = AvatarMetricsSource(
            agent_session=agent_session, provider=self.provider, emit=emit
        )
        self._notices = ProviderNotices(
            agent_session=agent_session, slot=self.slot, session=self.session
        )

    @property
    def provider(self) -> str:
        """Name of its provider."""
        return self.slot.provider.name

    @property
    def identity(self) -> str:
        """Identity of the avatar participant; empty where nobody joins a room."""
        return next(iter(self.session.identities), "")

    @property
    def end(self) -> AvatarEnd | None:
        """Where it gets its speech, the same one after it has come back; None before its join."""
        return self._end

    def explanation(self) -> str | None:
        """Say why its provider may have ended it by itself; None where nothing explains it."""
        silent_since = self._end.silent_since if self._end is not None else None
        return explained_end(self.session, silent_since=silent_since)

    async def join(self) -> bool:
        """Follow it and wait until it is there; returns whether it came in time."""
        self._outcome = asyncio.get_running_loop().create_future()
        self.follow()
        return await self._outcome

    async def until_received(self) -> None:
        """Wait until its sound gets to who is in the room, who would miss its first words."""
        if self._presence is not None and self._policy.watch:
            await event_within(self._presence.received, RECEIVED_SECONDS)

    def follow(self) -> None:
        """Begin to follow it; it may be there at once."""
        self._metrics.start()
        if self.slot.site is None:
            self._joined()
            return
        self._presence = AvatarPresence(
            room=self._room,
            identities=self.session.identities,
            audio=self.session.audio,
            keep_away=not self._policy.watch,
            on_joined=self._joined,
            on_left=self._left,
        )
        self._join_timer = asyncio.create_task(self._wait_for_join(), name="avatar-join-timer")
        self._presence.start()

    async def stop_following(self) -> None:
        """Tell nothing of it any more; it is still listened to, for it may have to be silenced.

        Where it gets its speech is closed by whoever speaks through it; ``stop_listening`` then.
        """
        self._followed = False
        if self._presence is not None:
            self._presence.stop()
        self._metrics.stop()
        self._stop_grace()
        self._stop_timer()
        if self._join_timer is not None:
            await asyncio.wait([self._join_timer])
        await self._notices.stop()

    async def stop_listening(self) -> None:
        """Look after it no longer; nothing is left of it here."""
        self._watch_no_longer()
        if self._stopping:
            await asyncio.wait(list(self._stopping))

    def _joined(self) -> None:
        self.present = True
        self._stop_grace()
        if self._end is None:
            self._end = AvatarEnd(
                room=self._room,
                audio=self.session.audio,
                report_lag=self.slot.provider.info.report_lag,
                on_failure=self._unreachable,
                on_silence=self._reports_nothing,
                reception=self._reception,
            )
        self._watch_over()  # also over one that waits to be given the word
        if self._outcome is not None and not self._outcome.done():
            self._outcome.set_result(True)
        elif not self._listener.avatar_joined(self):
            return
        self._stop_timer()
        self._metrics.joined()
        if not self._notifying:
            self._notifying = True
            self._notices.start()

    def _left(self) -> None:
        self.present = False
        grace = self.slot.provider.info.rejoin_grace
        self._grace_timer = asyncio.get_running_loop().call_later(grace, self._is_gone)
        self._watch_no_longer()
        self._listener.avatar_left(self)

    def _is_gone(self) -> None:
        self._lost("the avatar left the room and did not come back")

    def _unreachable(self, _: Exception) -> None:
        self._lost("speech does not reach the avatar")

    def _reports_nothing(self, silent_since: float | None) -> None:
        self._lost("the avatar has stopped reporting what it plays", silent_since=silent_since)

    def _lost(self, reason: str, *, silent_since: float | None = None) -> None:
        self.gone.set()
        if self._followed:
            self._listener.avatar_lost(self, reason, silent_since=silent_since)

    def _watch_over(self) -> None:
        """Look for signs of life from now on; where nobody joins a room there are none."""
        audio = self.session.audio
        receiver = audio.identity if isinstance(audio, DataStream) else self.identity
        if self._presence is None or not receiver or not self._policy.watch:
            return
        watch = LivenessWatch(
            room=self._room,
            identities=self.session.identities,
            receiver_identity=receiver,
            speech=self._speech_now,
            on_lost=self._shows_no_life,
            watch_video=self._policy.watch_video,
        )
        self._reception.watched_by(watch)
        watch.start()

    def _watch_no_longer(self) -> None:
        watch = self._reception.watched_by(None)
        if watch is not None:
            task = asyncio.create_task(watch.stop(), name="avatar-watch-stop")
            self._stopping.add(task)
            task.add_done_callback(self._stopping.discard)

    def _speech_now(self) -> SpeechNow | None:
        speech = self._speech(self._end) if self._end is not None else None
        if speech is None:
            return None
        lag = self.slot.provider.info.report_lag
        told = self._end is not None and self._end.start_told
        return SpeechNow(
            segment=speech.stretch,
            started=speech.started,
            audible=speech.audible,
            start_lag=None if told else max(lag, START_LAG),
            # Before its end the sound is ahead of the reports.
            lag=lag if speech.remaining <= lag else 0.0,
            over=speech.remaining <= 0.0,
        )

    def _shows_no_life(self, loss: Loss) -> None:
        silent_since = time.time() - (time.monotonic() - loss.heard_until)
        self._lost(f"the avatar is {loss.kind}: {loss.reason}", silent_since=silent_since)

    def _stop_grace(self) -> None:
        if self._grace_timer is not None:
            self._grace_timer.cancel()
            self._grace_timer = None

    def _stop_timer(self) -> None:
        if self._join_timer is not None:
            self._join_timer.cancel()

    async def _wait_for_join(self) -> None:
        connected = asyncio.Event()

        def look(*_: object) -> None:
            if self._room.isconnected():
                connected.set()

        # Inside a job the avatar may be started long before the room is connected, and it cannot
        # be seen before.
        self._room.on("connection_state_changed", look)
        try:
            look()
            await connected.wait()
        finally:
            self._room.off("connection_state_changed", look)
        await asyncio.sleep(self._policy.join_timeout)
        if self._outcome is not None and not self._outcome.done():
            self._outcome.set_result(False)
        else:
            self._listener.avatar_late(self)
