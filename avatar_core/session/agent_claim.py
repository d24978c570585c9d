"""One avatar session at a time decides where an agent's speech goes."""

from __future__ import annotations

import weakref
from typing import Any

from livekit.agents import AgentSession

_latest: weakref.WeakKeyDictionary[AgentSession[Any], weakref.ref[AgentClaim]] = (
    weakref.WeakKeyDictionary()
)


class AgentClaim:
    """The claim of one avatar session on one AgentSession.

    Args:
        agent_session: Whom it is on.
    """

    def __init__(self, agent_session: AgentSession[Any]) -> None:
        self._agent_session = agent_session
        self._held = False

    @property
    def held(self) -> bool:
        """Whether it was taken and not released since."""
        return self._held

    @property
    def latest(self) -> bool:
        """Whether it was taken, and no other has been since."""
        return self._last() is self

    def take(self) -> bool:
        """Take it if nobody else holds one; returns whether it is held."""
        other = self._last()
        if other is None or not other._held:
            _latest[self._agent_session] = weakref.ref(self)
            self._held = True
        return self._held

    def release(self) -> None:
        """Leave the agent to the next one."""
        self._held = False

    def _last(self) -> AgentClaim | None:
        reference = _latest.get(self._agent_session)
        return reference() if reference is not None else None
