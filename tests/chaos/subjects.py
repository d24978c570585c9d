"""Whose avatar an agent has: avatar-core's, or LiveKit's own plugin for Protoface."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Any, Protocol

from livekit import rtc
from livekit.agents import AgentSession

from avatar_core import AvatarPolicy, AvatarSession, Provider
from avatar_core.testing.call_footprint import listeners, own_tasks

SECONDS_TO_SETTLE = 35.0
"""A start that was given up is never cut off: what comes of it is ended, and it may take until its
deadline (AvatarPolicy.start_timeout), where the worker that is to join stands still."""


class Face(Protocol):
    """An avatar that can be put through a call."""

    async def start(self, *, candidates: list[dict[str, Any]], policy: dict[str, Any]) -> None:
        """Start it."""

    async def switch(self, *, provider: str, options: dict[str, Any]) -> None:
        """Take another one."""

    async def aclose(self) -> None:
        """End it."""

    def footprint(self) -> dict[str, Any]:
        """What there is in the process before it."""

    async def left_behind(self, before: dict[str, Any] | None) -> list[str]:
        """What is there once more than before; None where the call itself is over."""


class CoreFace:
    """``avatar_core.AvatarSession``."""

    def __init__(
        self, session: AgentSession[None], room: rtc.Room, tell: Callable[..., None]
    ) -> None:
        self._session, self._room, self._tell = session, room, tell
        self._avatar: AvatarSession | None = None

    async def start(self, *, candidates: list[dict[str, Any]], policy: dict[str, Any]) -> None:
        avatar = AvatarSession(
            [Provider(each["provider"], **each["options"]) for each in candidates],
            policy=AvatarPolicy(**policy),
        )
        self._avatar = avatar
        avatar.on("state_changed", self._changed)
        avatar.on("avatar_availability_changed", self._availability_changed)
        await avatar.start(self._session, self._room)

    def _changed(self, event: Any) -> None:
        if event.new_state != "live":  # of one that is live the other event tells more
            self._tell("state", state=event.new_state, reason=event.reason, identity="")

    def _availability_changed(self, event: Any) -> None:
        if event.available:
            self._tell("state", state="live", reason=event.reason, identity=event.identity)

    async def switch(self, *, provider: str, options: dict[str, Any]) -> None:
        assert self._avatar is not None
        await self._avatar.switch(provider, **options)

    async def aclose(self) -> None:
        if self._avatar is not None:
            await self._avatar.aclose()

    def footprint(self) -> dict[str, Any]:
        return {
            "listeners of the room": listeners(self._room),
            "listeners of the session": listeners(self._session),
            "RPC methods": sorted(self._room.local_participant._rpc_handlers),
        }

    async def left_behind(self, before: dict[str, Any] | None) -> list[str]:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + SECONDS_TO_SETTLE
        while (left := self._left(before)) and loop.time() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        return left

    def _left(self, before: dict[str, Any] | None) -> list[str]:
        left = [f"task {name}" for name in own_tasks()]
        if before is not None:
            now = self.footprint()
            left += [
                f"{part}: {before[part]} before, {now[part]} now"
                for part in before
                if before[part] != now[part]
            ]
        return left


class PluginFace:
    """``livekit.plugins.protoface.AvatarSession``, given what a job would give it."""

    def __init__(
        self, session: AgentSession[None], room: rtc.Room, tell: Callable[..., None]
    ) -> None:
        from livekit.agents import utils

        utils.http_context._new_session_ctx()
        self._session, self._room, self._tell = session, room, tell
        self._avatar: Any = None
        room.on("participant_connected", self._joined)

    def _joined(self, participant: rtc.RemoteParticipant) -> None:
        if participant.attributes.get("lk.publish_on_behalf"):
            self._tell("state", state="live", reason="joined", identity=participant.identity)

    async def start(self, *, candidates: list[dict[str, Any]], policy: dict[str, Any]) -> None:
        from livekit.plugins import protoface

        self._avatar = protoface.AvatarSession(
            api_url=os.environ["PROTOFACE_API_URL"], api_key=os.environ["PROTOFACE_API_KEY"]
        )
        await self._avatar.start(self._session, self._room)

    async def switch(self, *, provider: str, options: dict[str, Any]) -> None:
        raise NotImplementedError("LiveKit's plugin cannot change the avatar in a call")

    async def aclose(self) -> None:
        if self._avatar is not None:
            await self._avatar.aclose()

    def footprint(self) -> dict[str, Any]:
        return {}

    async def left_behind(self, before: dict[str, Any] | None) -> list[str]:
        return []


MakeFace = Callable[[AgentSession[None], rtc.Room, Callable[..., None]], Face]

SUBJECTS: dict[str, MakeFace] = {"avatar-core": CoreFace, "plugin": PluginFace}
