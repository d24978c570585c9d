"""Watches over one avatar in a room: gathers the signs of its life and tells when it is lost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from livekit import rtc

from avatar_core.liveness.adaptive_deadline import AdaptiveDeadline
from avatar_core.liveness.life_signs import LifeSigns, Tick
from avatar_core.liveness.loss import Loss
from avatar_core.liveness.probe import Probe
from avatar_core.liveness.room_stats import RoomStats
from avatar_core.liveness.speech_now import SpeechNow
from avatar_core.liveness.watched_tracks import Gone, WatchedTracks
from avatar_core.log import logger
from avatar_core.timed_wait import event_within

TICK = 0.1
"""Seconds from one look to the next while the avatar speaks, or is late with an answer."""

IDLE_TICK = 0.5
"""The same while it is silent."""

PROBE_EVERY = 0.2
"""Seconds from one probe to the next while the avatar speaks."""

DOUBTFUL_PROBE_EVERY = 0.1
"""The same while an answer is late."""

IDLE_PROBE_EVERY = 1.0
"""The same while it is silent."""

CLOSELY = 2.0
"""Seconds for which it is looked at closely where somebody waits for it to be silent."""

LINGER = 10.0
"""Seconds for which the tracks are received after the end of speech, and after the start: the next
sentence may be near, and subscribing anew takes a negotiation."""

ASSUMED_START = 1.0
"""Seconds of speech after which the tracks are received though nobody said that it began. Not at
once: a worker may wait with its first words for someone to listen, and that is not the agent."""

_RECHECK = 0.2
_TOLERATED_LATENESS = 0.05
_LONGEST_LEFT_ALONE = 1.0


class LivenessWatch:
    """Looks after an avatar until it is lost or the watch is stopped; a loss is told once.

    It owns the agent's subscription to the avatar's tracks: they are received while the avatar
    speaks and for a while after it. Later one small call a second is its whole cost.

    Args:
        room: The agent's room.
        identities: Participants that publish the avatar's tracks, the avatar itself first.
        receiver_identity: The participant that takes the speech, and is called.
        speech: What is said at the moment; None if nothing is. Called at every look.
        on_lost: Called once, on the event loop, when the avatar is lost; see :class:`Loss`.
        watch_video: A picture that stands still, or goes away, while it speaks is a loss.
    """

    def __init__(
        self,
        *,
        room: rtc.Room,
        identities: tuple[str, ...],
        receiver_identity: str,
        speech: Callable[[], SpeechNow | None],
        on_lost: Callable[[Loss], None],
        watch_video: bool = True,
    ) -> None:
        self._room = room
        self._speech = speech
        self._on_lost = on_lost
        self._watch_video = watch_video
        self._deadline = AdaptiveDeadline()
        self._probe = Probe(room=room, identity=receiver_identity, deadline=self._deadline)
        self._stats = RoomStats(room)
        self._tracks = WatchedTracks(
            room=room, identities=identities, watch_video=watch_video, on_gone=self._track_gone
        )
        self._signs = LifeSigns(now=time.monotonic(), watch_video=watch_video)
        self._wake = asyncio.Event()
        self._stopped = False
        self._behind = self._reading = 0.0
        self._task: asyncio.Task[None] | None = None
        self._speaking_since: float | None = None
        self._closely_until = 0.0
        self._spoke_at = time.monotonic()
        self._gone: tuple[Gone, str, float] | None = None
        self._recheck: asyncio.TimerHandle | None = None

    @property
    def round_trip(self) -> float:
        """Usual seconds from a call of the avatar to its answer."""
        return self._deadline.round_trip

    @property
    def held_up(self) -> float:
        """Seconds, all in all, in which nothing came over the agent's own connection."""
        return self._signs.held_up

    @property
    def last_sound(self) -> float | None:
        """``time.monotonic()`` at which sound of the avatar last arrived; None before any did."""
        return self._signs.last_sound

    @property
    def listening_since(self) -> float | None:
        """``time.monotonic()`` since when sound of it would be noticed; None while it would not."""
        return self._signs.listening_since

    def start(self) -> None:
        """Begin to watch; the avatar has joined.

        Raises:
            RuntimeError: It was started before.
        """
        if self._task is not None:
            raise RuntimeError("a LivenessWatch can be started once; make a new one")
        self._spoke_at = time.monotonic()
        self._signs = LifeSigns(now=self._spoke_at, watch_video=self._watch_video)
        self._tracks.start()
        self._task = asyncio.create_task(self._run(), name="liveness.watch")
        self._task.add_done_callback(_tell_of_failure)

    def speaking_changed(self, speaking: bool) -> None:
        """Look at once: speech has begun or ended. Without it that is noticed at the next look.

        Args:
            speaking: The avatar has something to say.
        """
        if speaking != (self._speaking_since is not None):
            self._wake.set()

    def look_closely(self) -> None:
        """Read what arrives often for a while: somebody waits for the end of the sound."""
        self._closely_until = time.monotonic() + CLOSELY
        self._wake.set()

    async def stop(self) -> None:
        """Stop watching; nothing is left of it, and the tracks are not received any more."""
        self._stopped = True
        self._tracks.stop()
        if self._recheck is not None:
            self._recheck.cancel()
        if self._task is not None:
            # Not with a reading under way: whoever stops the watch may close the room next, and
            # the native library, asked for the numbers of a connection that goes, has crashed.
            await self._stats.answered()
            self._task.cancel()
            await asyncio.wait([self._task])
        await self._probe.aclose()

    async def _run(self) -> None:
        due = time.monotonic()
        while True:
            loss = await self._look(due)
            if self._stopped:  # a reading swallows a cancellation that comes with it
                return
            if loss is not None:
                logger.warning("avatar lost: %s", loss.reason, extra={"kind": loss.kind})
                self._on_lost(loss)
                return
            speaking = self._speaking_since is not None
            busy = speaking or self._probe.late or time.monotonic() < self._closely_until
            due = time.monotonic() + (TICK if busy else IDLE_TICK) + self._leave_alone()
            self._wake.clear()
            await event_within(self._wake, due - time.monotonic())

    def _leave_alone(self) -> float:
        """Tell for how much longer not to look, where this process does not keep up."""
        late = self._behind if self._behind > _TOLERATED_LATENESS else 0.0
        return min(2 * late, _LONGEST_LEFT_ALONE)

    async def _look(self, due: float) -> Loss | None:
        speech = self._follow_speech()
        # Where this process is behind, answers are late because it is, and more calls of its own
        # would put it further behind.
        self._behind = max(0.0, time.monotonic() - due)
        behind = max(self._behind, self._reading) > _TOLERATED_LATENESS
        doubtful = self._probe.late and not behind
        if speech is None:
            every = DOUBTFUL_PROBE_EVERY if doubtful else IDLE_PROBE_EVERY
        else:
            every = DOUBTFUL_PROBE_EVERY if doubtful else PROBE_EVERY
        if not (behind and self._probe.waiting):
            self._probe.send(every=every)
        counts = None
        audio, video = self._tracks.audio, self._tracks.video
        if doubtful or audio is not None or video is not None:
            begun = time.monotonic()
            counts = await self._stats.read(audio=audio, video=video)
            # Nobody but this process answers that: late, it is behind with everything it is told.
            self._reading = time.monotonic() - begun
        else:
            self._reading = 0.0
        now = time.monotonic()
        connected = self._room.connection_state == rtc.ConnectionState.CONN_CONNECTED
        loss = self._signs.update(
            Tick(
                now=now,
                lateness=max(0.0, now - due - _TOLERATED_LATENESS),
                connected=connected,
                round_trip=self._deadline.round_trip,
                answered=self._probe.answered,
                unanswered_since=self._probe.unanswered_since,
                counts=counts,
                audio_published=self._tracks.audio_published,
                speech=speech,
            )
        )
        return loss or self._taken_away(speech=speech, connected=connected)

    def _follow_speech(self) -> SpeechNow | None:
        speech, now = self._speech(), time.monotonic()
        if speech is None:
            self._speaking_since = None
            if now < self._closely_until:
                self._tracks.want(True)
            elif now - self._spoke_at > LINGER:
                self._tracks.want(False)
            return None
        self._spoke_at = now
        if self._speaking_since is None:
            self._speaking_since = now
        if speech.started or now - self._speaking_since > ASSUMED_START:
            self._tracks.want(True)
        return speech

    def _track_gone(self, how: Gone, publication: rtc.RemoteTrackPublication) -> None:
        audio = publication.kind == rtc.TrackKind.KIND_AUDIO
        if self._speaking_since is None or not (audio or self._watch_video):
            return
        now = time.monotonic()
        self._gone = (how, "sound" if audio else "picture", now)
        # Not at once: where the agent's own connection starts anew everybody's tracks go first,
        # and that it does is told right after.
        self._recheck = asyncio.get_running_loop().call_later(_RECHECK, self._wake.set)

    def _taken_away(self, *, speech: SpeechNow | None, connected: bool) -> Loss | None:
        if self._gone is None:
            return None
        how, what, at = self._gone
        if speech is None or not connected:
            self._gone = None
            return None
        if time.monotonic() - at < _RECHECK:
            return None
        reason = f"its {what} was {how} while it spoke"
        return Loss(kind=how, reason=reason, heard_until=self._signs.heard_until)


def _tell_of_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        logger.error(
            "the avatar is not watched any more: the watch itself failed",
            exc_info=task.exception(),
        )
