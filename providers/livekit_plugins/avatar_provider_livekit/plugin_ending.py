"""What closing a plugin leaves undone at its vendor, plugin by plugin."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Any

from avatar_provider_livekit.job_view import JobView

Ending = Callable[[Any], Awaitable[None]]


async def end_plugin(name: str, plugin: Any, job: JobView) -> None:
    """Close a plugin, and tell its vendor where closing does not.

    Args:
        name: The plugin's name.
        plugin: Its object, started.
        job: The job it saw; callbacks it left there are called, for nobody else does.

    Raises:
        Exception: What the plugin raises; ask again.
    """
    before = _BEFORE_CLOSE.get(name)
    if before is not None:
        await before(plugin)
    await plugin.aclose()
    while job.callbacks:
        callback = job.callbacks[0]
        if getattr(callback, "__self__", None) is not plugin:
            wanted = bool(inspect.signature(callback).parameters)
            outcome = callback("avatar ended") if wanted else callback()
            if inspect.isawaitable(outcome):
                await outcome
        del job.callbacks[0]


async def _end_liveavatar(plugin: Any) -> None:
    # It tells its vendor when the AgentSession closes, by closing this channel, and not before.
    channel = getattr(plugin, "_msg_ch", None)
    if channel is not None and not channel.closed:
        channel.close()
    task = getattr(plugin, "_main_atask", None)
    if task is not None:
        await asyncio.wait([task], timeout=5.0)


async def _end_runway(plugin: Any) -> None:
    # It tells the avatar by a data packet, which reaches nobody where that is not in the room; the
    # request that ends the session is sent only where the agent's own connection is gone.
    room, cancel = (
        getattr(plugin, "_room", None),
        getattr(plugin, "_cancel_runway_realtime_session", None),
    )
    known = getattr(plugin, "_realtime_session_id", None) is not None
    if room is None or cancel is None or not known:
        return
    if plugin.avatar_identity not in room.remote_participants:
        await cancel()


_BEFORE_CLOSE: dict[str, Ending] = {"liveavatar": _end_liveavatar, "runway": _end_runway}
