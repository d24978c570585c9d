"""What a job does in its own thread, as the test sees it."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from livekit.agents import AgentSession

from avatar_core import AvatarSession


class Watched:
    """What a job's thread tells the test."""

    def __init__(self) -> None:
        self.avatar: AvatarSession | None = None
        self.agent_identity = ""
        self.joined = threading.Event()
        self.proceed = threading.Event()
        self.states: list[str] = []
        self.errors: list[BaseException] = []

    @property
    def state(self) -> str:
        return self.avatar.state if self.avatar is not None else ""

    async def until_told(self) -> None:
        """Wait, in the job, for the test."""
        await asyncio.to_thread(self.proceed.wait, 60)


def agent_without_models() -> AgentSession[Any]:
    """Make an AgentSession that says what it is given."""
    return AgentSession(vad=None, turn_handling={"turn_detection": None})
