"""A call with an avatar in it: an agent, a viewer who records, and any provider's avatar."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from livekit.agents.voice import SpeechHandle

from avatar_core.session.avatar_session import AvatarSession
from avatar_core.testing.call_stage import CallStage, open_call_stage
from avatar_core.testing.microphone import microphone_of
from avatar_core.testing.playback_log import PlaybackLog
from avatar_core.testing.speech_sound import Sentence, read_sweep, since, sweep

if TYPE_CHECKING:
    from avatar_core.livekit_server import LiveKitServer


class AvatarCall:
    """Agent, viewer and avatar in one room; made by ``open_avatar_call``.

    Args:
        stage: Room, agent and viewer.
        avatar: The session, started.
        patience: Seconds that whatever is waited for may take.
    """

    def __init__(self, *, stage: CallStage, avatar: AvatarSession, patience: float) -> None:
        self.stage = stage
        self.avatar = avatar
        self.patience = patience
        self.log = PlaybackLog(stage.agent_session.output.audio)

    def begin_saying(self, seconds: float) -> SpeechHandle:
        """Let the agent say something whose pitch tells its position.

        Args:
            seconds: Length.
        """
        return self.stage.agent_session.say("a sentence", audio=sweep(seconds=seconds))

    async def says(self, seconds: float) -> Sentence:
        """Let the agent say something; returns what the viewer heard of it from the avatar.

        Args:
            seconds: Length.
        """
        began = time.monotonic()
        handle = self.begin_saying(seconds)
        await asyncio.wait_for(handle.wait_for_playout(), seconds + self.patience)
        await self.until_silent()
        return self.heard(since_time=began)

    def heard(self, *, since_time: float = 0.0) -> Sentence:
        """Read what the viewer has heard from the avatar.

        Args:
            since_time: ``time.monotonic()`` from which on.
        """
        return read_sweep(since(self.stage.viewer.heard[self.avatar.avatar_identity], since_time))

    async def until_heard(self, seconds: float) -> None:
        """Wait until the viewer has heard so much from the avatar.

        Args:
            seconds: How much.
        """
        heard = self.stage.viewer.heard[self.avatar.avatar_identity]
        await self.stage.viewer.until(
            lambda: heard.loud_seconds() >= seconds, timeout=self.patience
        )

    async def until_silent(self, *, seconds: float = 0.3) -> float:
        """Wait until the avatar has been silent for so long; returns when its last sound came.

        Args:
            seconds: How long.
        """
        return await self.stage.viewer.until_silent(
            self.avatar.avatar_identity, seconds=seconds, timeout=self.patience
        )

    async def until_listened_to(self) -> None:
        """Wait until the viewer receives the avatar's sound: what was said before is lost on it."""
        heard = self.stage.viewer.heard[self.avatar.avatar_identity]
        before = len(heard.times)
        await self.stage.viewer.until(lambda: len(heard.times) > before, timeout=self.patience)

    async def until_gone(self, identity: str, *, timeout: float) -> bool:
        """Wait until a participant has left the room; returns whether it has.

        Args:
            identity: Whose.
            timeout: Seconds to wait at most.
        """
        present = self.stage.viewer.room.remote_participants
        try:
            await self.stage.viewer.until(lambda: identity not in present, timeout=timeout)
        except asyncio.TimeoutError:
            return False
        return True


@asynccontextmanager
async def open_stage(
    server: LiveKitServer, *, agent_identity: str = "agent"
) -> AsyncIterator[CallStage]:
    """Open a room with an agent that runs and a viewer with a microphone; closes it afterwards.

    Args:
        server: A running LiveKit server.
        agent_identity: The agent's identity.
    """
    async with (
        open_call_stage(server, agent_identity=agent_identity) as stage,
        microphone_of(stage.viewer),
    ):
        await stage.start_agent()
        yield stage


@asynccontextmanager
async def open_avatar_call(
    stage: CallStage, avatar: AvatarSession, *, join: bool = True, patience: float = 20.0
) -> AsyncIterator[AvatarCall]:
    """Start an avatar in a call and wait until the viewer receives it; closes it afterwards.

    Args:
        stage: Where; its agent runs.
        avatar: The session, not started.
        join: Wait for it; otherwise it is started and no more.
        patience: Seconds that whatever is waited for may take.
    """
    try:
        await avatar.start(stage.agent_session, stage.room, **stage.credentials)
        call = AvatarCall(stage=stage, avatar=avatar, patience=patience)
        if join:
            await avatar.wait_for_join(timeout=patience)
            await call.until_listened_to()
        yield call
    finally:
        await avatar.aclose()
