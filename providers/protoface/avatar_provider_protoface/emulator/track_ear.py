"""What a worker hears in a session whose ``audio_source`` is a track."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from livekit import rtc

from avatar_core.worker.tasks import log_failure
from avatar_provider_protoface.emulator.clock import Clock, Timer

if TYPE_CHECKING:
    from livekit.rtc.room import EventTypes

    from avatar_core.worker.avatar_worker import AvatarWorker

logger = logging.getLogger("avatar_provider_protoface.emulator")

SINE_AFTER = 10.0
"""Seconds without a participant that publishes until there is a sine, where one was asked for."""

SINE_HZ = 400
_SINE_LEVEL = 6000
_SINE_RATE = 16000
_SINE_SECONDS = 0.02  # of one frame: whole periods, so that frames join without a click
_PEOPLE: tuple[EventTypes, ...] = (
    "participant_connected",
    "participant_disconnected",
    "track_published",
    "track_unpublished",
)


class TrackEar:
    """Subscribes to one participant's sound and lets the worker play it.

    Args:
        worker: Whose ear it is; in its room.
        identity: Whom to hear; None is the first that publishes sound, for the whole session.
        may_subscribe: Whether the worker's token allows to hear anybody.
        synthetic: Play a sine while there is nobody.
        clock: Time until that sine.
        received: Called with every frame of the participant, silent or not.
    """

    def __init__(
        self,
        *,
        worker: AvatarWorker,
        identity: str | None,
        may_subscribe: bool,
        synthetic: bool,
        clock: Clock,
        received: Callable[[], None],
    ) -> None:
        self._worker = worker
        self._identity = identity
        self._may_subscribe = may_subscribe
        self._synthetic = synthetic
        self._clock = clock
        self._received = received
        self._room: rtc.Room | None = None
        self._heard: rtc.RemoteTrackPublication | None = None
        self._listening: asyncio.Task[None] | None = None
        self._sine: asyncio.Task[None] | None = None
        self._sine_timer: Timer | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Hear whoever is there, or comes."""
        room = self._room = self._worker.room
        if room is None:  # the worker has left again
            return
        if not self._may_subscribe:
            logger.warning(
                "the avatar hears nothing: audio_source is a track, and the worker token does not"
                " allow to subscribe to one (canSubscribe)"
            )
        for event in _PEOPLE:
            room.on(event, self._look)
        room.on("track_subscribed", self._on_subscribed)
        room.on("track_unsubscribed", self._on_unsubscribed)
        self._look()

    async def aclose(self) -> None:
        """Hear no more; safe to call again."""
        room, self._room = self._room, None
        if room is not None:
            for event in _PEOPLE:
                room.off(event, self._look)
            room.off("track_subscribed", self._on_subscribed)
            room.off("track_unsubscribed", self._on_unsubscribed)
        self._stop_sine()
        self._stop_listening()
        if self._tasks:
            await asyncio.wait(list(self._tasks))

    def _look(self) -> None:
        """Find out whom there is to hear now."""
        found = self._choose()
        if self._heard is not None and (found is None or found.sid != self._heard.sid):
            self._stop_listening()
        if found is None:
            self._await_sine()
        elif self._heard is None:
            self._stop_sine()
            self._heard = found
            if self._may_subscribe:
                found.set_subscribed(True)

    def _choose(self) -> rtc.RemoteTrackPublication | None:
        assert self._room is not None
        people = self._room.remote_participants
        for identity in [self._identity] if self._identity is not None else list(people):
            publications = people[identity].track_publications if identity in people else {}
            if self._heard is not None and self._heard.sid in publications:
                return publications[self._heard.sid]
            chosen = _voice(publications.values())
            if chosen is not None:
                self._identity = identity
                return chosen
        return None

    def _on_subscribed(self, track: rtc.Track, publication: rtc.RemoteTrackPublication) -> None:
        if self._heard is not None and publication.sid == self._heard.sid:
            assert self._identity is not None
            self._cancel(self._listening)
            self._listening = self._spawn(self._listen(track, self._identity), "ear")

    def _on_unsubscribed(self, _: rtc.Track, publication: rtc.RemoteTrackPublication) -> None:
        # A stream left open goes on with what the next track brings in its place (rtc 1.1.21).
        if self._heard is not None and publication.sid == self._heard.sid:
            self._cancel(self._listening)

    def _stop_listening(self) -> None:
        self._heard = None
        self._cancel(self._listening)

    async def _listen(self, track: rtc.Track, identity: str) -> None:
        rate = self._worker.options.audio_rate
        stream = rtc.AudioStream(track, sample_rate=rate, num_channels=1, frame_size_ms=10)
        try:
            async for event in stream:
                self._received()
                self._worker.hear(event.frame, sender=identity)
        finally:
            await stream.aclose()

    def _await_sine(self) -> None:
        if self._synthetic and self._sine_timer is None:
            self._sine_timer = self._clock.call_later(SINE_AFTER, self._begin_sine)

    def _begin_sine(self) -> None:
        logger.info("nobody publishes sound: the avatar says a sine")
        self._sine = self._spawn(self._play_sine(), "sine")

    def _stop_sine(self) -> None:
        if self._sine_timer is not None:
            self._sine_timer.cancel()
            self._sine_timer = None
        self._cancel(self._sine)

    async def _play_sine(self) -> None:
        count = round(_SINE_RATE * _SINE_SECONDS)
        wave = np.sin(2 * np.pi * SINE_HZ * np.arange(count) / _SINE_RATE) * _SINE_LEVEL
        frame = rtc.AudioFrame(wave.astype(np.int16).tobytes(), _SINE_RATE, 1, count)
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            self._worker.hear(frame)
            due = max(due + _SINE_SECONDS, loop.time() - _SINE_SECONDS)
            await asyncio.sleep(max(0.0, due - loop.time()))

    def _spawn(self, work: Coroutine[Any, Any, None], what: str) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=f"protoface-emulator-{what}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(log_failure)
        return task

    def _cancel(self, task: asyncio.Task[None] | None) -> None:
        if task is not None:
            task.cancel()


def _voice(
    publications: Iterable[rtc.RemoteTrackPublication],
) -> rtc.RemoteTrackPublication | None:
    """The microphone if there is one, else any other sound."""
    sounds = [each for each in publications if each.kind == rtc.TrackKind.KIND_AUDIO]
    microphones = [each for each in sounds if each.source == rtc.TrackSource.SOURCE_MICROPHONE]
    return next(iter(microphones + sounds), None)
