"""A call without an end: the agent that visitors of the page talk to."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import time
from typing import Any

from livekit import rtc
from livekit.agents import AgentSession, UserStateChangedEvent
from livekit.agents.voice import SpeechHandle, room_io
from livekit.agents.voice.events import SpeechCreatedEvent
from livekit.agents.voice.io import AudioOutput, PlaybackFinishedEvent, PlaybackStartedEvent
from livekit.agents.voice.room_io.types import TextInputEvent

from avatar_core.contract.errors import ConfigurationError
from avatar_core.demo.connection import Connection, join
from avatar_core.demo.live.choices import Choices
from avatar_core.demo.live.face import Face
from avatar_core.demo.live.faults import SENTENCE, fault_named
from avatar_core.demo.live.happenings import Happenings
from avatar_core.demo.live.parrot import Parrot, ParrotEar, parrot_session
from avatar_core.liveness.probe import METHOD
from avatar_core.log import logger

AGENT = "demo-agent"
VISITOR = "visitor"
LONGEST_TEXT = 2000
"""Characters of one typed text."""

_PROBE_EVERY = 1.0
_PROBE_PATIENCE = 2.0
_CLOSE_SECONDS = 15.0


class LiveCall:
    """The agent and its avatar in the room, from ``start`` to ``aclose``.

    Args:
        connection: Server and room.
        choices: The avatars on offer.
    """

    def __init__(self, *, connection: Connection, choices: Choices) -> None:
        self.speaks_text = importlib.util.find_spec("espeakng_loader") is not None
        self.happenings = Happenings()
        self.connection = connection
        self.choices = choices
        self._room = rtc.Room()
        ear = ParrotEar()
        self._agent = Parrot(ear)
        self._session: AgentSession[None] = parrot_session(ear, speaks_text=self.speaks_text)
        self.face = Face(
            session=self._session,
            room=self._room,
            connection=connection,
            choices=choices,
            happenings=self.happenings,
        )
        self._output: AudioOutput | None = None
        self._probing: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Join the room and bring in the first avatar.

        Raises:
            AvatarError: The server, or what was asked for on the command line, cannot be used.
        """
        await self.connection.open_room()
        self._room.on("track_published", self._track_published)
        self._room.on("participant_connected", self._joined)
        await join(
            self._room,
            url=self.connection.url,
            token=self.connection.token(AGENT, kind="agent"),
            options=rtc.RoomOptions(auto_subscribe=False),
        )
        self._session.on("user_state_changed", self._visitor_changed)
        self._session.on("speech_created", self._speech_created)
        await self._session.start(
            self._agent,
            room=self._room,
            room_options=room_io.RoomOptions(
                participant_identity=VISITOR,
                # A page that is reloaded comes back.
                close_on_disconnect=False,
                text_input=room_io.TextInputOptions(text_input_cb=self._typed),
            ),
        )
        await self.face.choose(self.choices.first)
        self._follow_output()
        self._probing = asyncio.create_task(self._probe(), name="demo probe")

    async def fail(self, name: str) -> None:
        """Make the avatar fail while the agent speaks.

        Args:
            name: Of the fault.

        Raises:
            AvatarError: There is no such fault, or the mock with it did not come.
        """
        fault = fault_named(name)
        if fault is None:
            raise ConfigurationError("there is no such fault")
        try:
            await self.face.fail(fault)
        finally:
            if self.speaks_text:
                await self._session.interrupt()
                _ = self._session.say(SENTENCE)

    async def aclose(self) -> None:
        """End everything, in order."""
        self.happenings.close()
        if self._probing is not None:
            self._probing.cancel()
            await asyncio.gather(self._probing, return_exceptions=True)
        self._leave_output()
        for closing, what in (
            (self._hush, "speech"),
            (self.face.aclose, "the avatar"),
            (self._session.aclose, "the agent's session"),
            (self._room.disconnect, "the agent's room"),
            (self.connection.close_room, "the room"),
        ):
            try:
                await asyncio.wait_for(closing(), _CLOSE_SECONDS)
            except asyncio.TimeoutError:
                logger.warning("%s did not close in time", what)
            except Exception:  # noqa: BLE001 - whatever it is: logged, the rest is still closed
                logger.debug("%s did not close cleanly", what, exc_info=True)

    async def _hush(self) -> None:
        """Interrupt: an avatar that is asked to leave in mid-word is noisy."""
        await self._session.interrupt(force=True)

    # --- what the visitor does -----------------------------------------------------------------

    def _track_published(
        self, publication: rtc.RemoteTrackPublication, participant: rtc.RemoteParticipant
    ) -> None:
        # Of the visitor's alone: the avatar's own tracks would be received and decoded for nothing.
        if participant.identity == VISITOR:
            publication.set_subscribed(True)

    def _joined(self, participant: rtc.RemoteParticipant) -> None:
        if participant.identity == VISITOR:
            self.happenings.tell("joined")

    async def _typed(self, session: AgentSession[Any], event: TextInputEvent) -> None:
        text = event.text.strip()[:LONGEST_TEXT]
        if not text:
            return
        self.happenings.tell("typed", characters=len(text))
        if not self.speaks_text:
            self.happenings.tell(
                "trouble",
                text='Typed text is spoken with the extra: pip install "avatar-core[demo]"',
            )
            return
        await session.interrupt()
        _ = session.say(text)

    def _visitor_changed(self, event: UserStateChangedEvent) -> None:
        self.happenings.tell("visitor", at=event.created_at, state=event.new_state)

    # --- what the agent says -------------------------------------------------------------------

    def _speech_created(self, event: SpeechCreatedEvent) -> None:
        self._follow_output()  # a start of an avatar may have put another in its place
        handle = event.speech_handle
        self.happenings.tell("sent", at=event.created_at, id=handle.id)
        handle.add_done_callback(self._speech_done)

    def _speech_done(self, handle: SpeechHandle) -> None:
        self.happenings.tell("done", id=handle.id, interrupted=handle.interrupted)

    def _follow_output(self) -> None:
        output = self._session.output.audio
        if output is self._output:
            return
        self._leave_output()
        if output is not None:
            output.on("playback_started", self._playback_started)
            output.on("playback_finished", self._playback_finished)
        self._output = output

    def _leave_output(self) -> None:
        if self._output is not None:
            self._output.off("playback_started", self._playback_started)
            self._output.off("playback_finished", self._playback_finished)
            self._output = None

    def _playback_started(self, event: PlaybackStartedEvent) -> None:
        self.happenings.tell("heard", at=event.created_at)

    def _playback_finished(self, event: PlaybackFinishedEvent) -> None:
        self.happenings.tell(
            "finished",
            seconds=round(event.playback_position, 3),
            interrupted=event.interrupted,
        )

    # --- whether the avatar answers ------------------------------------------------------------

    async def _probe(self) -> None:
        """Measure how long the avatar takes to answer, as the core does while it speaks."""
        while True:
            await asyncio.sleep(_PROBE_EVERY)
            identity = self.face.identity
            if not identity:
                continue
            began = time.perf_counter()
            with contextlib.suppress(asyncio.TimeoutError):
                try:
                    await asyncio.wait_for(
                        self._room.local_participant.perform_rpc(
                            destination_identity=identity, method=METHOD, payload=""
                        ),
                        _PROBE_PATIENCE,
                    )
                except rtc.RpcError as exc:
                    if exc.code == rtc.RpcError.ErrorCode.UNSUPPORTED_METHOD:
                        self.happenings.tell(
                            "probe", milliseconds=round((time.perf_counter() - began) * 1000, 1)
                        )
