"""One demo call from its first token to its film."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Literal

from livekit import rtc

from avatar_core.demo.agent import SpeakingAgent
from avatar_core.demo.connection import Connection, join
from avatar_core.demo.film import finish_film
from avatar_core.demo.hearing import Hearing
from avatar_core.demo.part_file import PartFile
from avatar_core.demo.progress import Progress
from avatar_core.demo.recorder import Recorder
from avatar_core.demo.timeline import Segment, Timeline
from avatar_core.demo.utterance import Utterance
from avatar_core.demo.viewer import Picture, Sound, Viewer
from avatar_core.log import logger
from avatar_core.session.avatar_session import AvatarSession
from avatar_core.session.states import AvatarStateChangedEvent

AGENT_IDENTITY = "demo-agent"
VIEWER_IDENTITY = "demo-viewer"

_PAUSE = 0.5  # seconds of the idle face before, between and after what is said
_PICTURE_PATIENCE = 3.0  # seconds to wait for the first picture of an avatar that has joined
_CLOSE_SECONDS = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """What a demo does.

    Args:
        utterances: What the agent says, in this order.
        interruptions: Seconds after which the first, the second, … utterance is interrupted.
        seconds: Cap on the call, None for none.
    """

    utterances: Sequence[Utterance]
    interruptions: Sequence[float] = ()
    seconds: float | None = None


class Call:
    """Runs a script with an avatar while a viewer records what comes out.

    Args:
        avatar: Not started yet.
        connection: Server and room.
        script: What to do.
        recorder: Where the film goes; finished or abandoned when ``run`` is through.
        sheet: Where the contact sheet goes, likewise.
        progress: Told what happens.
        stand_in: What takes the place of the provider's service, if anything does.
    """

    def __init__(
        self,
        *,
        avatar: AvatarSession,
        connection: Connection,
        script: Script,
        recorder: Recorder,
        sheet: PartFile,
        progress: Progress,
        stand_in: str | None = None,
    ) -> None:
        self.timeline = Timeline(provider=avatar.provider, room=connection.room, stand_in=stand_in)
        self._avatar = avatar
        self._connection = connection
        self._script = script
        self._recorder = recorder
        self._sheet = sheet
        self._progress = progress
        self._hearing = Hearing()
        self._origin = time.monotonic()
        self._doing = "connecting"
        self._film_wanted = True
        self._stop = asyncio.Event()
        self._settled = asyncio.Event()
        self._seen = asyncio.Event()

    def stop(self, by: Literal["interrupt", "time", "lost"]) -> None:
        """End the call now, in order, and keep what was recorded."""
        if not self._stop.is_set():
            self.timeline.stopped_by = by
            self._stop.set()

    def give_up_film(self) -> None:
        """Keep nothing; the avatar is still ended. Too late once the film is being written."""
        self._film_wanted = False

    async def run(self) -> Timeline:
        """Hold the call.

        Returns:
            What happened; its ``recording`` is None if nothing was received.

        Raises:
            AvatarError: The server, the provider or the film failed.
        """
        meter = asyncio.create_task(self._show_meter())
        try:
            await self._connection.open_room()
            try:
                await self._in_room()
            finally:
                await self._connection.close_room()
        finally:
            meter.cancel()
            await asyncio.gather(meter, return_exceptions=True)
        if self._film_wanted:
            await finish_film(
                self.timeline,
                recorder=self._recorder,
                sheet=self._sheet,
                hearing=self._hearing,
                origin=self._origin,
                progress=self._progress,
            )
        return self.timeline

    async def _in_room(self) -> None:
        room = rtc.Room()
        viewer = Viewer(
            agent_identity=AGENT_IDENTITY,
            on_picture=self._picture,
            on_sound=self._sound,
            on_source=self._source,
        )
        agent = SpeakingAgent(now=self._now, on_event=self._event)
        self._avatar.on("state_changed", self._state_changed)
        try:
            await viewer.connect(
                url=self._connection.url,
                token=self._connection.token(VIEWER_IDENTITY, kind="standard"),
            )
            await join(
                room,
                url=self._connection.url,
                token=self._connection.token(AGENT_IDENTITY, kind="agent"),
                options=rtc.RoomOptions(auto_subscribe=False),
            )
            await self._until_stopped(agent, room)
        finally:
            self.timeline.ended_at = self._now()
            self.timeline.state = self._avatar.state
            self._avatar.off("state_changed", self._state_changed)
            self._doing = "ending the call"
            await _in_time(agent.aclose(), "the agent's session")
            await _in_time(self._avatar.aclose(), "the avatar")
            await _in_time(viewer.aclose(), "the viewer")
            await _in_time(room.disconnect(), "the agent's room")

    async def _until_stopped(self, agent: SpeakingAgent, room: rtc.Room) -> None:
        self._origin = time.monotonic()
        limit = self._script.seconds
        timer = None
        if limit is not None:
            timer = asyncio.get_running_loop().call_later(limit, self.stop, "time")
        room.on("disconnected", self._lost)
        speaking = asyncio.create_task(self._speak(agent, room), name="demo script")
        stopping = asyncio.create_task(self._stop.wait(), name="demo stop")
        try:
            await asyncio.wait({speaking, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            room.off("disconnected", self._lost)
            if timer is not None:
                timer.cancel()
            stopping.cancel()
            if not speaking.done():
                speaking.cancel()
                await asyncio.wait({speaking})
        if not speaking.cancelled():
            await speaking

    async def _speak(self, agent: SpeakingAgent, room: rtc.Room) -> None:
        self._doing = "starting the avatar"
        await self._avatar.start(
            agent.session,
            room,
            livekit_url=self._connection.url,
            livekit_api_key=self._connection.api_key,
            livekit_api_secret=self._connection.api_secret,
        )
        self.timeline.session_id = self._avatar.session_id
        self.timeline.avatar_identity = self._avatar.avatar_identity or None
        if self._avatar.state != "voice_only":
            self.timeline.started_at = self._now()
            self._event("avatar started", self.timeline.started_at)
        await agent.start(room)
        self._doing = "waiting for the avatar"
        await self._settled.wait()
        await self._first_picture()
        interruptions = list(self._script.interruptions)
        for number, utterance in enumerate(self._script.utterances, start=1):
            segment = Segment(
                number=number,
                label=utterance.label,
                source=utterance.source,
                seconds=utterance.seconds,
            )
            self.timeline.segments.append(segment)
            self._doing = f"{number}/{len(self._script.utterances)}  {utterance.label}"
            self._event(f"says {utterance.label!r} ({utterance.seconds:.2f} s)", self._now())
            await agent.say(
                utterance,
                segment,
                interrupt_at=interruptions[number - 1] if number <= len(interruptions) else None,
            )
            self._event(_report(segment), self._now())
            self._doing = "idle"
            await asyncio.sleep(_PAUSE)

    async def _first_picture(self) -> None:
        """Let the film begin with the face at rest, where there is one."""
        if self._avatar.state == "live":
            self._doing = "waiting for the first picture"
            try:
                await asyncio.wait_for(self._seen.wait(), _PICTURE_PATIENCE)
            except asyncio.TimeoutError:
                self._event("the avatar is in the room and shows no picture", self._now())
        await asyncio.sleep(_PAUSE)

    # --- what is told along the way ------------------------------------------------------------

    def _picture(self, picture: Picture) -> None:
        if self.timeline.first_frame_at is None:
            self.timeline.first_frame_at = picture.at - self._origin
            size = f"{picture.frame.width}x{picture.frame.height}"
            self._event(f"first frame at the viewer, {size}", self.timeline.first_frame_at)
            self._seen.set()
        self._recorder.picture(picture)

    def _sound(self, sound: Sound) -> None:
        self._hearing.sound(sound)
        self._recorder.sound(sound)

    def _source(self, kind: str, identity: str | None) -> None:
        if identity is not None:
            verb = "watches" if kind == "video" else "hears"
            self._event(f"the viewer {verb} {identity}", self._now())

    def _state_changed(self, event: AvatarStateChangedEvent) -> None:
        at = self._now()
        if event.new_state == "live" and self.timeline.joined_at is None:
            self.timeline.joined_at = at
            self._event("avatar joined", at)
        elif event.new_state in ("voice_only", "live"):
            self._event(f"{event.new_state.replace('_', ' ')}: {event.reason}", at)
        if event.new_state in ("live", "voice_only", "closing", "closed"):
            self._settled.set()

    def _lost(self, _reason: object) -> None:
        self._event("the connection to the LiveKit server is lost", self._now())
        self.stop("lost")

    def _event(self, text: str, at: float) -> None:
        self.timeline.events.append((at, text))
        self._progress.line(text, at=at)

    def _now(self) -> float:
        return time.monotonic() - self._origin

    async def _show_meter(self) -> None:
        while True:
            self._progress.meter(self._doing, at=self._now(), level=self._hearing.level)
            await asyncio.sleep(0.1)


def _report(segment: Segment) -> str:
    if segment.position is None:
        return f"segment {segment.number}: no playback report"
    how = "interrupted after" if segment.interrupted else "played"
    return f"segment {segment.number}: {how} {segment.position:.2f} s"


async def _in_time(closing: Awaitable[None], what: str) -> None:
    """Close one thing; what hangs or fails must not keep the film from being written."""
    try:
        await asyncio.wait_for(closing, _CLOSE_SECONDS)
    except asyncio.TimeoutError:
        logger.warning("%s did not close in time", what)
    except Exception:  # noqa: BLE001 - whatever it is: logged, and the film is still to be kept
        logger.exception("%s did not close cleanly", what)
