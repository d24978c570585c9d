"""An avatar in a call, ready to speak."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal

from avatar_core import AvatarSession
from avatar_core.testing.call_stage import CallStage

Order = Literal["avatar first", "session first", "agent runs"]

SMALL_FACE: dict[str, Any] = {"size": 64, "fps": 10}
"""What is about sound should not pay for pictures."""


@asynccontextmanager
async def avatar_in(
    stage: CallStage,
    *,
    order: Order = "session first",
    agent: dict[str, Any] | None = None,
    identity: str | None = None,
    wait: bool = True,
    **options: Any,
) -> AsyncIterator[AvatarSession]:
    """Start agent and mock avatar, and wait until the viewer receives it; closes it afterwards.

    Args:
        stage: Where.
        order: Who is started first; ``agent runs`` if the test has started the agent itself.
        agent: Keywords for ``AgentSession.start``.
        identity: Identity of the avatar.
        wait: Until the viewer receives the avatar's track; what is said before is lost on it.
        options: The mock's.
    """
    if not {"size", "width"} & set(options):
        options = {**SMALL_FACE, **options}
    avatar = AvatarSession("mock", avatar_participant_identity=identity, **options)
    try:
        if order == "session first":
            await stage.start_agent(**(agent or {}))
        await avatar.start(stage.agent_session, stage.room, **stage.credentials)
        if order == "avatar first":
            await stage.start_agent(**(agent or {}))
        if wait:
            await avatar.wait_for_join(timeout=20)
            heard = stage.viewer.heard[avatar.avatar_identity]
            await stage.viewer.until(lambda: bool(heard.times))
        yield avatar
    finally:
        await avatar.aclose()
