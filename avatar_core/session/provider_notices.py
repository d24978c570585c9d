"""What a live session is told while it lives: the agent's state, and to stay alive."""

from __future__ import annotations

import asyncio
from typing import Any

from livekit.agents import AgentSession
from livekit.agents.voice import AgentStateChangedEvent

from avatar_core.contract.models import StartedSession
from avatar_core.log import logger
from avatar_core.session.provider_slot import ProviderSlot

QUEUED_STATES = 32
"""State changes kept for a slow provider; older ones are dropped, the last one matters."""


class ProviderNotices:
    """Calls ``agent_state_changed``, in order, and ``keep_alive``, if the provider has them.

    Args:
        agent_session: Whose state is told.
        slot: The provider.
        session: What it started.
    """

    def __init__(
        self, *, agent_session: AgentSession[Any], slot: ProviderSlot, session: StartedSession
    ) -> None:
        self._agent_session = agent_session
        self._slot = slot
        self._session = session
        self._states: asyncio.Queue[tuple[str, str]] = asyncio.Queue(maxsize=QUEUED_STATES)
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to tell."""
        if self._slot.provider.implements("agent_state_changed"):
            self._agent_session.on("agent_state_changed", self._state_changed)
            self._tasks.append(asyncio.create_task(self._tell_states(), name="avatar-agent-state"))
            state = self._agent_session.agent_state
            self._states.put_nowait((state, state))
        period = self._slot.provider.info.keep_alive_period
        if period and self._slot.provider.implements("keep_alive"):
            self._tasks.append(
                asyncio.create_task(self._keep_alive(period), name="avatar-keep-alive")
            )

    async def stop(self) -> None:
        """Stop telling."""
        self._agent_session.off("agent_state_changed", self._state_changed)
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _state_changed(self, event: AgentStateChangedEvent) -> None:
        if self._states.full():
            self._states.get_nowait()
        self._states.put_nowait((event.old_state, event.new_state))

    async def _tell_states(self) -> None:
        while True:
            old_state, new_state = await self._states.get()
            try:
                await self._slot.agent_state_changed(
                    self._session, old_state=old_state, new_state=new_state
                )
            except Exception as exc:  # noqa: BLE001 - an extension may refuse with anything
                logger.warning(
                    "the provider did not take the agent's state",
                    extra={
                        "provider": self._slot.provider.name,
                        "error_type": type(exc).__name__,
                    },
                )

    async def _keep_alive(self, period: float) -> None:
        while True:
            await asyncio.sleep(period)
            try:
                await self._slot.keep_alive(self._session)
            except Exception as exc:  # noqa: BLE001 - an extension may refuse with anything
                logger.warning(
                    "the avatar session was not kept alive; it may expire",
                    extra={
                        "provider": self._slot.provider.name,
                        "error_type": type(exc).__name__,
                    },
                )
