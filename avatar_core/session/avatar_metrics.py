"""LiveKit's avatar metrics: how long the join took, how late the sound is."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from livekit.agents import AgentSession, ConversationItemAddedEvent, MetricsCollectedEvent
from livekit.agents.metrics.base import AvatarMetrics, Metadata

from avatar_core.log import logger


class AvatarMetricsSource:
    """Emits what LiveKit's own avatar plugins emit, in the same places.

    Args:
        agent_session: Where ``metrics_collected`` is emitted as well.
        provider: Name for the metrics' metadata.
        emit: Emits on the avatar session.
    """

    def __init__(
        self,
        *,
        agent_session: AgentSession[Any],
        provider: str,
        emit: Callable[[str, AvatarMetrics], None],
    ) -> None:
        self._agent_session = agent_session
        self._metadata = Metadata(model_provider=provider)
        self._emit = emit
        self._started_time = time.time()
        self._reported_join = False

    def start(self) -> None:
        """Begin to watch what the agent says."""
        self._agent_session.on("conversation_item_added", self._item_added)

    def stop(self) -> None:
        """Stop watching."""
        self._agent_session.off("conversation_item_added", self._item_added)

    def joined(self) -> None:
        """Report the join, the first one only."""
        if self._reported_join:
            return
        self._reported_join = True
        now = time.time()
        self._report(
            AvatarMetrics(
                timestamp=now,
                session_started_time=self._started_time,
                avatar_joined_time=now,
                metadata=self._metadata,
            )
        )

    def _item_added(self, event: ConversationItemAddedEvent) -> None:
        item = event.item
        if item.type != "message" or item.role != "assistant":
            return
        latency = item.metrics.get("playback_latency")
        if latency is not None:
            self._report(
                AvatarMetrics(
                    timestamp=event.created_at, playback_latency=latency, metadata=self._metadata
                )
            )

    def _report(self, metrics: AvatarMetrics) -> None:
        self._emit("metrics_collected", metrics)
        try:
            self._agent_session.emit("metrics_collected", MetricsCollectedEvent(metrics=metrics))
        except TypeError:
            # LiveKit's emitter passes a handler's TypeError on to whoever emits (rtc 1.1.21).
            logger.exception("a handler of the agent session's metrics_collected event failed")
