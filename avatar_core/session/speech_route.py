"""Where the agent's speech goes in one call: held, to the voice, or to the avatar."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Literal

from livekit import rtc
from livekit.agents import AgentSession
from livekit.agents.voice.io import AudioOutput

from avatar_core.audio.audio_end import AudioEnd
from avatar_core.audio.avatar_end import AvatarEnd
from avatar_core.audio.front_sink import FrontSink
from avatar_core.audio.output_chain import OutputChain
from avatar_core.audio.speech_progress import SpeechUnderWay
from avatar_core.audio.voice_track import VoiceTrack


class SpeechRoute:
    """Puts a front sink into the agent's audio chain and decides which of its ends speaks.

    Args:
        agent_session: The agent's session, started or not.
        room: The agent's room.
    """

    def __init__(self, *, agent_session: AgentSession[Any], room: rtc.Room) -> None:
        self._agent_session = agent_session
        self._room = room
        self._front = FrontSink()
        self._chain = OutputChain(agent_session=agent_session, front=self._front)
        self._installed = False
        self._released = False
        self._target: Literal["hold", "voice", "avatar"] = "hold"
        self._voice: AudioEnd | None = None
        self._voice_track: VoiceTrack | None = None
        self._avatar: AvatarEnd | None = None

    def begin(self, *, hold: bool) -> None:
        """Take over the agent's speech at the next segment boundary.

        Args:
            hold: Keep speech back until ``use_voice`` or ``use_avatar``; else the voice speaks.
        """
        self._target = "hold" if hold else "voice"
        self._chain.install(self._take_over)

    def use_voice(self) -> None:
        """Let the agent's own voice speak, from where the segment under way was heard."""
        self._target = "voice"
        self._apply()

    def use_avatar(self, end: AvatarEnd) -> None:
        """Let an avatar speak, from where the segment under way was heard.

        Args:
            end: Where it gets its speech; one that has come back is the same one.
        """
        self._avatar, self._target = end, "avatar"
        self._apply()

    async def use_avatar_at_boundary(
        self, end: AvatarEnd, *, changed: Callable[[], None] | None = None
    ) -> None:
        """Let an avatar speak from the next segment on; returns when it does.

        Args:
            end: Where it gets its speech.
            changed: Called at that moment, before it says anything.
        """

        def change() -> None:
            self._avatar, self._target = end, "avatar"
            if changed is not None:
                changed()

        if self._installed:
            await self._front.use_at_boundary(end, changed=change)
        else:
            change()

    def speech_at(self, end: AvatarEnd) -> SpeechUnderWay | None:
        """What an avatar is saying now; None if it says nothing."""
        return self._front.speech_at(end)

    async def wait_for_speech(self) -> None:
        """Wait until the agent begins to say something else."""
        await self._front.wait_for_segment()

    def lose_avatar(self, end: AvatarEnd, *, silent_since: float | None = None) -> None:
        """Let the voice speak at once, and ask nothing more of an avatar that is gone.

        Args:
            end: Where it got its speech.
            silent_since: Unix time from which nothing of it was heard; None for now.
        """
        self._front.abandon(end, silent_since=silent_since)
        if self._avatar is end:
            self.use_voice()
        end.give_up(silent_since=silent_since)

    async def drop_avatar(self, end: AvatarEnd) -> None:
        """Silence an avatar and give back what sending to it needed; the voice speaks."""
        if self._avatar is end:
            if self._target == "avatar":
                self.use_voice()
            self._avatar = None
        await end.aclose()

    async def release(self) -> None:
        """Give the agent its own voice back, as it was before ``begin``.

        A segment under way is said to its end first, by the voice, and the sink goes then. Where
        LiveKit made no voice track, the core's own stays until the AgentSession closes.
        """
        if self._released:
            return
        self._released = True
        if self._avatar is not None:
            await self.drop_avatar(self._avatar)
        self.use_voice()
        if not self._installed:
            self._chain.restore()
        elif self._chain.leaf is not None:
            self._front.when_idle(self._chain.restore)
        elif not self._agent_is_running():
            self._chain.remove()
        else:
            self._agent_session.on("close", self._agent_closed)

    async def close(self) -> None:
        """Stop for good: the AgentSession has closed."""
        self._released = True
        if self._avatar is not None:
            await self.drop_avatar(self._avatar)
        self._agent_session.off("close", self._agent_closed)
        if not self._installed:
            self._chain.restore()  # it may wait for a segment boundary that comes no more
        await self._front.aclose()
        if self._voice_track is not None:
            await self._voice_track.aclose()

    def _take_over(self) -> None:
        self._installed = True
        self._apply()

    def _apply(self) -> None:
        if not self._installed:
            return
        if self._target == "voice":
            if self._voice is None:
                self._voice = self._make_voice_end()
            self._front.use(self._voice)
        else:
            self._front.use(self._avatar if self._target == "avatar" else None)

    def _make_voice_end(self) -> AudioEnd:
        leaf = self._chain.leaf
        if leaf is not None:
            return AudioEnd(name="voice", output=leaf, ready=_subscribed(leaf))
        self._voice_track = VoiceTrack(room=self._room)
        return AudioEnd(name="voice", output=self._voice_track, ready=self._voice_track.ready)

    def _agent_is_running(self) -> bool:
        try:
            return self._agent_session.current_agent is not None
        except RuntimeError:
            return False  # how LiveKit says that it is not

    def _agent_closed(self, *_: object) -> None:
        self._closing = asyncio.ensure_future(self.close())


def _subscribed(leaf: AudioOutput) -> Any:
    """What to await before LiveKit's own track is fed, or None if it never waits.

    RoomIO's sink awaits a shared future inside ``capture_frame``; a capture cancelled there
    would cancel the future for everybody after it (livekit-agents 1.8.9).
    """
    future = getattr(leaf, "subscribed", None)
    if not isinstance(future, asyncio.Future):
        return None

    async def ready() -> None:
        await asyncio.shield(future)

    return ready
