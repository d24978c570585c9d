"""A real room in which an emulated avatar listens to a track, people who publish one, a viewer."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import numpy as np
from livekit import api, rtc

from avatar_core.livekit_server import LiveKitServer
from avatar_core.testing.call_stage import room_token, tone
from avatar_core.testing.viewer import SAMPLE_RATE, RecordingViewer
from avatar_provider_protoface.emulator.clock import ManualClock
from avatar_provider_protoface.emulator.emulator import open_emulator
from avatar_provider_protoface.emulator.records import SessionRecord
from avatar_provider_protoface.emulator.settings import EmulatorSettings

from .emulated import Caller, session_body

CLEAR = "lk.clear_buffer"


@dataclass(kw_only=True)
class Guest:
    """Somebody with a microphone.

    Args:
        room: Their connection.
        source: Their microphone; silent while nothing is said.
        track: Sid of its track.
    """

    room: rtc.Room
    source: rtc.AudioSource
    track: str

    async def say(self, *, seconds: float, hz: float) -> None:
        """Say a tone; returns when all of it has been said."""
        async for frame in tone(seconds=seconds, hz=hz, sample_rate=48000):
            await self.source.capture_frame(frame)
        await self.source.wait_for_playout()

    async def clear(self, avatar: str) -> str:
        """Want silence from an avatar, and stop speaking first."""
        self.source.clear_queue()
        return await self.room.local_participant.perform_rpc(
            destination_identity=avatar, method=CLEAR, payload=""
        )

    async def leave(self) -> None:
        """Leave the room."""
        await self.room.disconnect()
        await self.source.aclose()


@dataclass(kw_only=True)
class TrackStage:
    """What a test of an avatar that listens to a track needs.

    Args:
        server: The LiveKit server.
        caller: Calls the emulator.
        viewer: Hears everybody.
        room_name: The room.
        avatar: The avatar's identity.
    """

    server: LiveKitServer
    caller: Caller
    viewer: RecordingViewer
    room_name: str
    avatar: str = field(default_factory=lambda: f"face-{uuid.uuid4().hex[:8]}")
    guests: list[Guest] = field(default_factory=list)

    @property
    def session(self) -> SessionRecord:
        """The one session there is."""
        (session,) = self.caller.emulator.sessions
        return session

    async def join(self, identity: str) -> Guest:
        """Let somebody come and publish a microphone."""
        room, source = rtc.Room(), rtc.AudioSource(48000, 1)
        token = room_token(self.server, identity, self.room_name)
        await room.connect(self.server.url, token, rtc.RoomOptions(auto_subscribe=False))
        track = rtc.LocalAudioTrack.create_audio_track("microphone", source)
        publication = await room.local_participant.publish_track(
            track, rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
        )
        guest = Guest(room=room, source=source, track=publication.sid)
        self.guests.append(guest)
        return guest

    async def begin(
        self, *, can_subscribe: bool = True, idle_timeout_seconds: int = 30, **transport: Any
    ) -> None:
        """Create a session, and wait until its avatar is heard, be it silent."""
        grants = api.VideoGrants(
            room_join=True, room=self.room_name, can_subscribe=can_subscribe
        )  # fmt: skip
        token = api.AccessToken(self.server.api_key, self.server.api_secret)
        body = {
            "type": "livekit",
            "url": self.server.url,
            "room_name": self.room_name,
            "worker_token": token.with_identity(self.avatar).with_grants(grants).to_jwt(),
            "worker_identity": self.avatar,
            "audio_source": "track",
            **transport,
        }
        answered = await self.caller.call(
            "POST",
            "/v1/sessions",
            json=session_body(transport=body, idle_timeout_seconds=idle_timeout_seconds),
        )
        assert answered.status == 201
        if isinstance(self.caller.emulator.settings.clock, ManualClock):
            self.caller.clock.advance(0)
        await self.viewer.until(lambda: bool(self.viewer.heard[self.avatar].times))

    def heard_pitch(self, *, since: float = 0.0) -> float:
        """The strongest frequency of what the avatar has said, in Hz."""
        heard = self.viewer.heard[self.avatar]
        loud = set(heard.loud_times(since=since))
        spoken = [
            chunk for chunk, at in zip(heard.chunks, heard.times, strict=True) if at in loud
        ]  # fmt: skip
        samples = np.concatenate(spoken).astype(np.float64)
        spectrum = np.abs(np.fft.rfft(samples * np.hanning(samples.size)))
        return float(np.argmax(spectrum)) * SAMPLE_RATE / samples.size


@asynccontextmanager
async def track_stage(
    server: LiveKitServer, *, clock: ManualClock | None = None
) -> AsyncIterator[TrackStage]:
    """Open all of it.

    Args:
        server: A running LiveKit server.
        clock: The emulator's time; the machine's if not given.
    """
    time: dict[str, Any] = {} if clock is None else {"clock": clock}
    settings = EmulatorSettings(
        starts_per_minute=None, claim_seconds=0.0, size=64, fps=10.0, **time
    )
    room_name, viewer = f"room-{uuid.uuid4().hex[:10]}", RecordingViewer()
    stage: TrackStage | None = None
    try:
        async with open_emulator(settings) as emulator, aiohttp.ClientSession() as session:
            await viewer.connect(url=server.url, token=room_token(server, "viewer", room_name))
            caller = Caller(emulator, clock or ManualClock(), session)
            stage = TrackStage(server=server, caller=caller, viewer=viewer, room_name=room_name)
            yield stage
    finally:
        await viewer.aclose()
        for guest in stage.guests if stage is not None else []:
            await guest.leave()
