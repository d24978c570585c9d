"""The private names of livekit-agents that driving its plugins needs, and nothing else of them.

Each is looked up behind a guard, and a test holds the installed version to it: where one is gone,
the plugin is driven without, as each function says.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
from typing import Any

from livekit import rtc
from livekit.agents import __version__ as agents_version
from livekit.agents import job
from livekit.agents.voice.avatar import DataStreamAudioOutput
from packaging.specifiers import SpecifierSet

from avatar_core.contract.audio_routes import DataStream
from avatar_core.log import logger

TESTED = SpecifierSet(">=1.8.9,<1.9")
"""Versions of livekit-agents whose private names were looked at; others are left alone."""

_ROUTE_NAMES = (
    "_clear_buffer_timeout",
    "_destination_identity",
    "_handle_connection_state_changed",
    "_room",
    "_start_atask",
    "_wait_playback_start",
    "_wait_remote_track",
)

DEFAULT_CLEAR_TIMEOUT = 2.0
"""Seconds to wait for the report behind an interruption where a plugin sets no limit."""


@functools.cache
def is_tested(version: str = agents_version) -> bool:
    """Tell whether the private names of a version may be used; warns once where they may not.

    Args:
        version: Version of livekit-agents, by default the installed one.
    """
    if TESTED.contains(version, prereleases=True):
        return True
    logger.warning(
        "livekit-agents %s is not a version whose plugins were tested here (%s): they speak by"
        " LiveKit's own sender, which leaves listeners behind in the room; upgrade"
        " avatar-provider-livekit",
        version,
        TESTED,
    )
    return False


def missing_names() -> list[str]:
    """Name what this version of livekit-agents does not have."""
    missing = [] if job_variable() is not None else ["livekit.agents.job._JobContextVar"]
    source = DataStreamAudioOutput.__init__.__code__.co_names
    known = {*source, *vars(DataStreamAudioOutput)}
    return missing + [f"DataStreamAudioOutput.{each}" for each in _ROUTE_NAMES if each not in known]


def job_variable() -> contextvars.ContextVar[Any] | None:
    """Return the variable that holds the current job; None if LiveKit has another one now."""
    variable = getattr(job, "_JobContextVar", None)
    return variable if isinstance(variable, contextvars.ContextVar) else None


def as_data_stream(output: object) -> DataStream | None:
    """Say what LiveKit's sender of byte streams would do, for the core to do instead.

    The core's own sender keeps the sentence, hears when an avatar is lost and gives everything
    back; LiveKit's waits without a limit and cannot be closed (livekit-agents 1.8.9). A subclass
    does something of its own, and is used as it is.

    Args:
        output: What the plugin wanted to install.

    Returns:
        Whom to send to, and how; None where it is another output, or cannot be read.
    """
    if type(output) is not DataStreamAudioOutput or not is_tested():
        return None
    if not all(hasattr(output, name) for name in _ROUTE_NAMES):
        return None
    sender: Any = output
    timeout = sender._clear_buffer_timeout
    video = sender._wait_remote_track == rtc.TrackKind.KIND_VIDEO
    return DataStream(
        identity=sender._destination_identity,
        sample_rate=sender.sample_rate,
        ready="video" if video else "participant",
        reports_start=sender._wait_playback_start,
        clear_timeout=DEFAULT_CLEAR_TIMEOUT if timeout is None else timeout,
    )


def keep_from_starting(output: DataStreamAudioOutput) -> None:
    """Take a sender of LiveKit's out of the room, right behind its making.

    It would register the reports of playback for itself at the next turn of the event loop, and
    wait for the avatar with a task that nothing ends.

    Args:
        output: It; nothing of it has run.
    """
    sender: Any = output
    started: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    started.set_result(None)
    sender._start_atask = started  # it looks at this before it does either
    sender._room.off("connection_state_changed", sender._handle_connection_state_changed)


def dispose(output: object) -> None:
    """Take a sender that has run, a subclass's, out of the room; do nothing with another output.

    Args:
        output: What the plugin had installed.
    """
    if not isinstance(output, DataStreamAudioOutput) or not is_tested():
        return
    sender: Any = output
    task = getattr(sender, "_start_atask", None)
    if isinstance(task, asyncio.Task):
        task.cancel()
    room, handler = getattr(sender, "_room", None), "_handle_connection_state_changed"
    if room is not None and hasattr(sender, handler):
        room.off("connection_state_changed", getattr(sender, handler))
    identity: str = getattr(sender, "_destination_identity", "")
    for table in ("_playback_finished_handlers", "_playback_started_handlers"):
        handlers: dict[str, Any] = getattr(DataStreamAudioOutput, table, {})
        if getattr(handlers.get(identity), "__self__", None) is sender:
            handlers.pop(identity, None)
