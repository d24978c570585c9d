"""The avatar's side of a call: join a room, receive speech, play it, show a face.

A base for any renderer: write a ``Renderer`` and hand it to an ``AvatarWorker``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from avatar_core.worker.options import CloseReason, VideoCodecName, WorkerFaults, WorkerOptions
from avatar_core.worker.renderer import Moment, Renderer

if TYPE_CHECKING:
    from avatar_core.worker.avatar_worker import AvatarWorker

__all__ = [
    "AvatarWorker",
    "CloseReason",
    "Moment",
    "Renderer",
    "VideoCodecName",
    "WorkerFaults",
    "WorkerOptions",
]


def __getattr__(name: str) -> Any:
    # Options and renderers are described without LiveKit, which takes long to import.
    if name == "AvatarWorker":
        from avatar_core.worker.avatar_worker import AvatarWorker

        return AvatarWorker
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
