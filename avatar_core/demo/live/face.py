"""The avatar of a live call: chosen, changed, made to fail, and brought back."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from livekit import rtc
from livekit.agents import AgentSession

from avatar_core.contract.errors import AvatarError, SessionStateError
from avatar_core.demo.connection import Connection
from avatar_core.demo.live.choices import Choice, Choices
from avatar_core.demo.live.faults import MOCK, Fault
from avatar_core.demo.live.happenings import Happenings
from avatar_core.log import logger
from avatar_core.session.avatar_session import AvatarSession
from avatar_core.session.policy import AvatarPolicy
from avatar_core.session.states import AvatarStateChangedEvent

BACK_AFTER = 2.5
"""Seconds of the agent's voice alone before a lost face is brought back: long enough to see it."""

# The page brings back the avatar that was chosen; one that was told to fail would only fail again.
_POLICY = AvatarPolicy(max_recoveries=0, while_joining="voice")


class Face:
    """Keeps one avatar session for as long as it can be switched, and makes another if not.

    Args:
        session: The agent's.
        room: The agent's.
        connection: The server and its key.
        choices: What is on offer.
        happenings: Told what becomes of it.
    """

    def __init__(
        self,
        *,
        session: AgentSession[Any],
        room: rtc.Room,
        connection: Connection,
        choices: Choices,
        happenings: Happenings,
    ) -> None:
        self._session = session
        self._room = room
        self._connection = connection
        self._choices = choices
        self._happenings = happenings
        self._one_at_a_time = asyncio.Lock()
        self._avatar: AvatarSession | None = None
        self._returning: asyncio.Task[None] | None = None
        self._closed = False
        self.chosen = choices.first

    @property
    def state(self) -> str:
        """State of the avatar session."""
        return self._avatar.state if self._avatar is not None else "idle"

    @property
    def identity(self) -> str:
        """Identity of the avatar that is live, empty without one."""
        if self._avatar is None or self._avatar.state != "live":
            return ""
        return self._avatar.avatar_identity

    async def choose(self, choice: Choice) -> None:
        """Let another avatar speak; the present one stays if that fails.

        Args:
            choice: One of those on offer.

        Raises:
            AvatarError: It could not be brought in.
        """
        options = await self._choices.options(choice)
        async with self._one_at_a_time:
            await self._bring(choice.spec, options)
            self.chosen = choice
            self._happenings.tell("chosen", title=choice.title)

    async def fail(self, fault: Fault) -> None:
        """Bring in a mock that has a fault.

        Args:
            fault: What goes wrong.

        Raises:
            AvatarError: It did not come: of a fault of starting that is what was wanted.
        """
        async with self._one_at_a_time:
            self._happenings.tell("fault", name=fault.name, title=fault.title)
            await self._bring(MOCK, fault.options)

    async def aclose(self) -> None:
        """End the avatar; nothing is brought back any more."""
        self._closed = True
        if self._returning is not None:
            self._returning.cancel()
            await asyncio.gather(self._returning, return_exceptions=True)
        if self._avatar is not None:
            await self._avatar.aclose()

    async def _bring(self, spec: str, options: Mapping[str, Any]) -> None:
        avatar = self._avatar
        if avatar is not None:
            try:
                await avatar.switch(spec, **options)
                return
            except SessionStateError:  # it has ended: its start had failed
                avatar.off("state_changed", self._state_changed)
                await avatar.aclose()
        self._avatar = AvatarSession(spec, policy=_POLICY, **options)
        self._avatar.on("state_changed", self._state_changed)
        await self._avatar.start(
            self._session,
            self._room,
            livekit_url=self._connection.url,
            livekit_api_key=self._connection.api_key,
            livekit_api_secret=self._connection.api_secret,
        )

    def _state_changed(self, event: AvatarStateChangedEvent) -> None:
        self._happenings.tell(
            "state",
            at=event.created_at,
            state=event.new_state,
            reason=event.reason,
            identity=self.identity,
        )
        if event.new_state == "voice_only" and event.old_state == "live" and not self._closed:
            if self._returning is None or self._returning.done():
                self._returning = asyncio.create_task(self._return(), name="demo face returns")

    async def _return(self) -> None:
        """Bring back what was chosen, unless another came meanwhile."""
        await asyncio.sleep(BACK_AFTER)
        if self.state != "voice_only":
            return
        try:
            await self.choose(self.chosen)
        except AvatarError as exc:
            logger.warning("the avatar did not come back: %s", exc)
            self._happenings.tell("trouble", text=f"The avatar did not come back: {exc}")
