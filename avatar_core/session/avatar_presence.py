"""Follows an avatar's participants: there, publishing, gone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from livekit import rtc

from avatar_core.contract.audio_routes import AudioRoute, DataStream
from avatar_core.log import logger


class AvatarPresence:
    """Tells when an avatar has joined and when it has left, and keeps its media away.

    The agent's own room connection subscribes to everything; an agent has no use for its own
    face, so the avatar's tracks are unsubscribed as soon as they appear.

    Args:
        room: The agent's room; it need not be connected yet.
        identities: All participants of the avatar, the avatar itself first.
        audio: How speech reaches it: whom to wait for, and whether for its video.
        on_joined: Called when it is ready for speech, again after it came back.
        on_left: Called when it is not any more.
    """

    def __init__(
        self,
        *,
        room: rtc.Room,
        identities: tuple[str, ...],
        audio: AudioRoute,
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
        self._handlers: tuple[tuple[Any, Callable[..., None]], ...] = (
            ("participant_connected", self._participant_changed),
            ("participant_disconnected", self._participant_changed),
            ("track_published", self._track_published),
            ("track_subscribed", self._track_subscribed),
            ("track_unpublished", self._track_unpublished),
            ("participant_active", self._participant_changed),
            ("connection_state_changed", self._look),
        )

    def start(self) -> None:
        """Begin to follow; ``on_joined`` may be called at once."""
        for event, handler in self._handlers:
            self._room.on(event, handler)
        for participant in self._room.remote_participants.values():
            for publication in participant.track_publications.values():
                self._keep_away(publication, participant)
        self._look()

    def stop(self) -> None:
        """Stop following."""
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
        # The server's own subscription can cross the refusal on the way; in one of five joins it
        # did, and the media came for good (livekit-server 1.13.5).
        self._keep_away(publication, participant)

    def _track_unpublished(
        self, publication: rtc.RemoteTrackPublication, participant: rtc.RemoteParticipant
    ) -> None:
        if participant.identity in self._identities:
            self._look()

    def _keep_away(
        self, publication: rtc.RemoteTrackPublication, participant: rtc.RemoteParticipant
    ) -> None:
        if participant.identity in self._identities:
            publication.set_subscribed(False)

    def _look(self, *_: object) -> None:
        joined = self._is_ready()
        if joined == self._joined:
            return
        self._joined = joined
        logger.debug("avatar %s", "joined" if joined else "left")
        (self._on_joined if joined else self._on_left)()

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
