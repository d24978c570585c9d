"""A mute microphone, without which LiveKit takes a viewer for nobody."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from livekit import rtc

from avatar_core.testing.viewer import RecordingViewer


@asynccontextmanager
async def microphone_of(viewer: RecordingViewer) -> AsyncIterator[rtc.AudioSource]:
    """Let the viewer publish a mute microphone, as a user does.

    The server tells others of a participant that publishes nothing 3 s after it joined only, and
    LiveKit's RoomIO makes no voice track before it has seen a user (livekit-server 1.13.5).

    Args:
        viewer: In its room already.
    """
    source = rtc.AudioSource(48000, 1)
    track = rtc.LocalAudioTrack.create_audio_track("microphone", source)
    await viewer.room.local_participant.publish_track(
        track, rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
    )
    try:
        yield source
    finally:
        await source.aclose()
