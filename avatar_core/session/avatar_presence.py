"""Follows an avatar's participants: there, publishing, gone."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from livekit import rtc

from avatar_core.contract.audio_routes import AudioRoute, DataStream
from avatar_core.log import logger

RECHECK_SECONDS = 0.2
"""Seconds after which one that seems to have left is looked for again: where it is the agent's own
connection that is gone, that was told up to 50 ms later on a busy machine."""

SETTLING_SECONDS = 2.0
"""The same after the agent's own connection was made anew: who is there is told by and by."""


class AvatarPresence:
    """Tells when an avatar has joined and when it has left, and keeps its media away.

    The agent's own room connection subscribes to everything; where nobody in the agent has a use
    for its own face, the avatar's tracks are unsubscribed as soon as they appear.

    Args:
        room: The agent's room; it need not be connected yet.
        identities: All participants of the avatar, the avatar itself first.
        audio: How speech reaches it: whom to wait for, and whether for its video.
        keep_away: Unsubscribe its tracks; else it is somebody else who decides.
        on_joined: Called when it is ready for speech, again after it came back.
        on_left: Called when it is not any more.
    """

    def __init__(
        self,
        *,
        room: rtc.Room,
        identities: tuple[str, ...],
        audio: AudioRoute,
        keep_away: bool,
        on_joined: Callable[[], None],
        on_left: Callable[[], None],
    ) -> None:
        self._room = room
        self._identities = frozenset(identities)
        self._receiver = audio.identity if isinstance(audio, DataStream) else None
        wants_video = not isinstance(audio, DataStream) or audio.ready == "video"
        self._video_from = identities[0] if identities and wants_video else None
        self._on_joined = on_joined
        self._on_left = on_left
        self._joined = False
        self._keeps_away = keep_away
        self._recheck: asyncio.TimerHandle | None = None
        self._reconnected_at = float("-inf")
        self.received = asyncio.Event()
        """The agent has got its sound, and so has, as a rule, who else is in the room."""
        self._handlers: tuple[tuple[Any, Callable[..., None]], ...] = (
            ("participant_connected", self._participant_changed),
            ("participant_disconnected", self._participant_changed),
            ("track_published", self._track_published),
            ("track_subscribed", self._track_subscribed),
            ("track_unpublished", self._track_unpublished),
            ("participant_active", self._participant_changed),
            ("connection_state_changed", self._connection_changed),
        )

    def start(self) -> None:
        """Begin to follow; ``on_joined`` may be called at once."""
        for event, handler in self._handlers:
            self._room.on(event, handler)
        for participant in self._room.remote_participants.values():
            for publication in participant.track_publications.values():
                self._note_received(publication, participant)
                self._keep_away(publication, participant)
        self._look()

    def stop(self) -> None:
        """Stop following."""
        self._stop_recheck()
        for event, handler in self._handlers:
            self._room.off(event, handler)

    def _participant_changed(self, participant: rtc.RemoteParticipant) -> None:
        if participant.identity in self._identities:
            self._look()

    def _track_published(
        self, publication: rtc.RemoteTrackPublication, participant: rtc.RemoteParticipant
    ) -> None:
        if participant.identity in self._identities:
            self._keep_away(publication, participant)
            self._look()

    def _track_subscribed(
        self,
        track: rtc.Track,
        publication: rtc.RemoteTrackPublication,
        participant: rtc.RemoteParticipant,
    ) -> None:
        self._note_received(publication, participant)
        # The server's own subscription can cross the refusal on the way; in one of five joins it
        # did, and the media came for good (livekit-server 1.13.5).
        self._keep_away(publication, participant)

    def _track_unpublished(
        self, publication: rtc.RemoteTrackPublication, participant: rtc.RemoteParticipant
    ) -> None:
        if participant.identity in self._identities:
            self._look()

    def _note_received(
        self, publication: rtc.RemoteTrackPublication, participant: rtc.RemoteParticipant
    ) -> None:
        sound = publication.kind == rtc.TrackKind.KIND_AUDIO and publication.track is not None
        if sound and participant.identity in self._identities:
            self.received.set()

    def _keep_away(
        self, publication: rtc.RemoteTrackPublication, participant: rtc.RemoteParticipant
    ) -> None:
        if self._keeps_away and participant.identity in self._identities:
            publication.set_subscribed(False)

    def _connection_changed(self, state: object) -> None:
        if state == rtc.ConnectionState.CONN_CONNECTED:
            self._reconnected_at = time.monotonic()
        self._look()

    def _look(self) -> None:
        self._stop_recheck()
        joined = self._is_ready()
        if joined == self._joined:
            return
        if joined:
            self._tell(True)
            return
        # When the agent's own connection starts anew, everybody else goes first, and only then
        # is it told that it does; everybody comes back a while after it has (rtc 1.1.21).
        settled = self._reconnected_at + SETTLING_SECONDS - time.monotonic()
        self._recheck = asyncio.get_running_loop().call_later(
            max(RECHECK_SECONDS, settled), self._look_again
        )

    def _look_again(self) -> None:
        self._recheck = None
        connected = self._room.connection_state == rtc.ConnectionState.CONN_CONNECTED
        if connected and self._joined and not self._is_ready():
            self._tell(False)

    def _tell(self, joined: bool) -> None:
        self._joined = joined
        logger.debug("avatar %s", "joined" if joined else "left")
        (self._on_joined if joined else self._on_left)()

    def _stop_recheck(self) -> None:
        if self._recheck is not None:
            self._recheck.cancel()
            self._recheck = None

    def _is_ready(self) -> bool:
        if not self._room.isconnected():
            return False
        participants = self._room.remote_participants
        if self._receiver is not None:
            receiver = participants.get(self._receiver)
            # Data sent to a participant that is not active yet is dropped by the server.
            if receiver is None or receiver.state != rtc.ParticipantState.PARTICIPANT_STATE_ACTIVE:
                return False
        if self._video_from is None:
            return True
        avatar = participants.get(self._video_from)
        return avatar is not None and any(
            publication.kind == rtc.TrackKind.KIND_VIDEO
            for publication in avatar.track_publications.values()
        )
