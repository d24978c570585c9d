"""What an avatar could leave behind in an agent's process."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from dataclasses import dataclass
from typing import Any

from avatar_core.testing.call_stage import CallStage


@dataclass(frozen=True, kw_only=True)
class Footprint:
    """Listeners, RPC methods, tasks and the audio chain of one call, at one moment.

    Args:
        room_listeners: Handlers of the room by event.
        session_listeners: Handlers of the AgentSession by event.
        rpc_methods: RPC methods of the agent participant.
        tasks: Names of avatar-core's own tasks.
        chain: The agent's audio outputs, from the top to the leaf.
    """

    room_listeners: dict[str, int]
    session_listeners: dict[str, int]
    rpc_methods: tuple[str, ...]
    tasks: tuple[str, ...]
    chain: tuple[int, ...]


def footprint(stage: CallStage) -> Footprint:
    """Take the footprint of a call now."""
    return Footprint(
        room_listeners=listeners(stage.room),
        session_listeners=listeners(stage.agent_session),
        rpc_methods=tuple(sorted(stage.room.local_participant._rpc_handlers)),
        tasks=own_tasks(),
        chain=tuple(id(output) for output in chain(stage.agent_session)),
    )


async def nothing_left_behind(stage: CallStage, before: Footprint, *, alone: bool = True) -> None:
    """Wait until a call is again as it was.

    Args:
        stage: The call.
        before: How it was.
        alone: No other call is under way, so tasks count.

    Raises:
        AssertionError: It is not, and in what it differs.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + 10.0
    parts = [p.name for p in dataclasses.fields(Footprint) if alone or p.name != "tasks"]

    def left() -> list[str]:
        now = footprint(stage)
        return [
            f"{part}: {getattr(before, part)} before, {getattr(now, part)} now"
            for part in parts
            if getattr(before, part) != getattr(now, part)
        ]

    while left() and loop.time() < deadline:  # noqa: ASYNC110 - nobody announces it
        await asyncio.sleep(0.01)
    assert not left(), "\n".join(left())


async def until_listened_to(stage: CallStage, identity: str) -> None:
    """Wait until the viewer receives somebody's sound, silence too.

    Somebody who speaks as soon as he is in the room is not heard by those who have not
    subscribed yet, which takes 0.1-0.2 s, and longer on a busy machine.
    """
    since = time.monotonic()
    await stage.viewer.until(
        lambda: (
            bool(stage.viewer.heard[identity].times)
            and stage.viewer.heard[identity].times[-1] >= since
        )
    )


def listeners(emitter: Any) -> dict[str, int]:
    """Count an emitter's handlers; there is no public way to ask (livekit rtc 1.1.21).

    Without ``token_refreshed``: rtc's own tracks listen to it from their publication on.
    """
    return {
        str(event): len(handlers)
        for event, handlers in emitter._events.items()
        if handlers and event != "token_refreshed"
    }


def own_tasks() -> tuple[str, ...]:
    """Name avatar-core's tasks on the running loop."""
    return tuple(
        sorted(
            task.get_name()
            for task in asyncio.all_tasks()
            if task.get_name().startswith("avatar-") and not task.done()
        )
    )


def chain(agent_session: Any) -> list[Any]:
    """List an AgentSession's audio outputs, from the top to the leaf."""
    outputs: list[Any] = []
    output = agent_session.output.audio
    while output is not None:
        outputs.append(output)
        output = output.next_in_chain
    return outputs
