"""An avatar's published tracks: which they are, whether the agent receives them, when they go."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Literal

from livekit import rtc

Gone = Literal["unpublished", "muted"]

SETTLED = 1.0
"""Seconds between two changes of what is subscribed. A track that was refused 0.1 s after it was
subscribed, and wanted again 0.1 s later, did not come at all in one of fifteen calls; in another
one the agent's whole connection started anew (rtc 1.1.21, livekit-server 1.13.5)."""

OVERDUE = 3.0
"""Seconds after which a track that was asked for and did not come is asked for once more."""


class WatchedTracks:
    """Subscribes to an avatar's sound and pictures while that is wanted, and not otherwise.

    Receiving what nobody looks at costs a few percent of a core. What the room connection has
    subscribed to by itself is left as it is until something is decided.

    Args:
        room: The agent's room.
        identities: Participants of the avatar.
        watch_video: Pictures are wanted too.
        on_gone: Called when a track was unpublished or muted.
    """

    def __init__(
        self,
        *,
        room: rtc.Room,
        identities: tuple[str, ...],
        watch_video: bool,
        on_gone: Callable[[Gone, rtc.RemoteTrackPublication], None],
    ) -> None:
        self._room = room
        self._identities = identities
        self._watch_video = watch_video
        self._on_gone = on_gone
        self._wanted: bool | None = None
        self._changed_at = float("-inf")
        self._retries = 3
        self._handlers: tuple[tuple[Any, Callable[..., None]], ...] = (
            ("track_published", self._published),
            ("track_subscribed", self._subscribed),
            ("track_unpublished", self._unpublished),
            ("track_muted", self._muted),
        )

    @property
    def audio(self) -> rtc.Track | None:
        """The sound, if it is subscribed."""
        return self._first(rtc.TrackKind.KIND_AUDIO)

    @property
    def video(self) -> rtc.Track | None:
        """The pictures, if they are subscribed."""
        return self._first(rtc.TrackKind.KIND_VIDEO)

    @property
    def audio_published(self) -> bool:
        """There is sound to be received."""
        return any(
            each.kind == rtc.TrackKind.KIND_AUDIO and not each.muted
            for each in self._publications()
        )

    def start(self) -> None:
        """Begin to follow."""
        for event, handler in self._handlers:
            self._room.on(event, handler)

    def stop(self) -> None:
        """Stop following; nothing is subscribed any more."""
        for event, handler in self._handlers:
            self._room.off(event, handler)
        self._wanted = False
        if self._room.isconnected():
            for publication in self._publications():
                publication.set_subscribed(False)

    def want(self, wanted: bool) -> bool:
        """Receive the tracks, or no longer; to be repeated until it is done.

        Args:
            wanted: Receive them.

        Returns:
            It is done: changes too close to each other wait.
        """
        if wanted == self._wanted and not self._is_overdue():
            return True
        settled = time.monotonic() - self._changed_at >= SETTLED
        if not settled and not self._is_so(wanted):
            return False
        self._wanted = wanted
        self._apply()
        return True

    def _is_overdue(self) -> bool:
        """Give up on tracks that were asked for and did not come, to ask anew; a few times."""
        late = time.monotonic() - self._changed_at > OVERDUE
        if not self._wanted or not late or self._retries == 0 or self._is_so(True):
            return False
        self._retries -= 1
        self._changed_at = time.monotonic()
        for publication in self._publications():
            if not publication.subscribed:
                publication.set_subscribed(False)
        self._wanted = None
        return True

    def _is_so(self, wanted: bool) -> bool:
        return all(
            each.subscribed == wanted for each in self._publications() if self._is_used(each)
        )

    def _is_used(self, publication: rtc.RemoteTrackPublication) -> bool:
        return self._watch_video or publication.kind == rtc.TrackKind.KIND_AUDIO

    def _apply(self) -> None:
        for publication in self._publications():
            self._ask(publication)

    def _ask(self, publication: rtc.RemoteTrackPublication) -> None:
        if self._wanted is None or not self._room.isconnected():
            return
        wanted = self._wanted and self._is_used(publication)
        if publication.subscribed != wanted:
            self._changed_at = time.monotonic()
            publication.set_subscribed(wanted)

    def _publications(self) -> list[rtc.RemoteTrackPublication]:
        participants = self._room.remote_participants
        return [
            publication
            for identity in self._identities
            if identity in participants
            for publication in participants[identity].track_publications.values()
        ]

    def _first(self, kind: rtc.TrackKind.ValueType) -> rtc.Track | None:
        for publication in self._publications():
            if publication.kind == kind and publication.track is not None:
                return publication.track
        return None

    def _published(
        self, publication: rtc.RemoteTrackPublication, participant: rtc.RemoteParticipant
    ) -> None:
        if participant.identity in self._identities:
            self._ask(publication)

    def _subscribed(
        self,
        track: rtc.Track,
        publication: rtc.RemoteTrackPublication,
        participant: rtc.RemoteParticipant,
    ) -> None:
        # The server's own subscription can cross the refusal on the way (livekit-server 1.13.5).
        if participant.identity in self._identities and self._wanted is False:
            self._ask(publication)

    def _unpublished(
        self, publication: rtc.RemoteTrackPublication, participant: rtc.RemoteParticipant
    ) -> None:
        if participant.identity in self._identities:
            self._on_gone("unpublished", publication)

    def _muted(self, participant: rtc.Participant, publication: rtc.RemoteTrackPublication) -> None:
        if participant.identity in self._identities:
            self._on_gone("muted", publication)
