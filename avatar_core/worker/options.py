"""What can be set about a worker, and the faults it can be told to have."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Literal

VideoCodecName = Literal["h264", "vp8", "vp9", "av1"]


class CloseReason(str, Enum):
    """Why a worker is no longer in its room."""

    CLOSED = "closed"
    """``aclose()`` was called, or ``start()`` failed."""
    AGENT_LEFT = "agent_left"
    """The agent had been gone for the grace time."""
    AGENT_NEVER_CAME = "agent_never_came"
    """The agent was not seen in the room at all."""
    REMOVED = "removed"
    """The server took the worker out: removed, room deleted, or its identity joined again."""
    DISCONNECTED = "disconnected"
    """The connection was lost for good."""
    CRASHED = "crashed"
    """``crash()`` was called."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerFaults:
    """Faults that a worker has from the start, to see how an agent copes.

    Faults that begin later are methods of the worker: ``freeze``, ``go_deaf``, ``crash``.

    Args:
        publish_video: Publish the video track at all.
        drop_reports: Send no playback report.
        drop_starts: Send none of what is started, as workers do that know only the end.
        report_delay: Seconds that every playback report is held back.
    """

    publish_video: bool = True
    drop_reports: bool = False
    drop_starts: bool = False
    report_delay: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what cannot be done."""
        if self.report_delay < 0:
            raise ValueError(f"report_delay must not be negative, got {self.report_delay}")


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerOptions:
    """How a worker publishes, plays and leaves.

    Args:
        audio_track_name: Name of the published audio track.
        video_track_name: Name of the published video track.
        audio_rate: Rate of the published sound in Hz, a multiple of 100; speech of any other
            rate is resampled to it, and the renderer gets sound of this rate.
        video_codec: Codec of the published video.
        video_bitrate: Upper limit in bits per second; None derives it from size and rate.
        lookahead: Seconds of sound handed to the native queue ahead of time. The event loop may
            stall for half of this without a gap. Costs no latency: an empty queue plays at once,
            and an interruption empties it.
        picture_delay: Seconds by which a picture reaches a viewer later than sound that left at
            the same time, negative if earlier; a frame shows what is heard this much later. The
            default is for a good network, where a viewer's jitter buffer holds sound longer
            than pictures; use 0 in a room created with ``sync_streams``.
        stream_idle_timeout: Seconds without data after which an unfinished audio stream counts
            as ended.
        leave_when_agent_gone: Seconds without the agent after which the worker leaves; None
            stays for good.
        agent_join_timeout: Seconds to wait for an agent that is not in the room when the worker
            joins; None waits for good.
        listener_wait: Seconds for which speech is held until somebody has subscribed to the
            sound; a room without listeners is not waited for longer.
        connect_timeout: Seconds for each attempt to reach the server.
        close_timeout: Upper limit in seconds for the last reports and for leaving the room,
            each.
        faults: Faults to have.
    """

    audio_track_name: str = "avatar_audio"
    video_track_name: str = "avatar_video"
    audio_rate: int = 48000
    video_codec: VideoCodecName = "h264"
    video_bitrate: int | None = None
    lookahead: float = 0.2
    picture_delay: float = -0.025
    stream_idle_timeout: float = 10.0
    leave_when_agent_gone: float | None = 10.0
    agent_join_timeout: float | None = 60.0
    listener_wait: float = 1.0
    connect_timeout: float = 5.0
    close_timeout: float = 2.0
    faults: WorkerFaults = field(default_factory=WorkerFaults)

    def __post_init__(self) -> None:
        """Refuse what cannot be done."""
        if self.audio_rate < 8000 or self.audio_rate % 100:
            # The native source plays 10 ms at a time.
            raise ValueError(
                f"audio_rate must be a multiple of 100 of at least 8000, got {self.audio_rate}"
            )
        if self.lookahead < 0.04:
            raise ValueError(f"lookahead must be at least 0.04 seconds, got {self.lookahead}")
        for name in ("stream_idle_timeout", "listener_wait", "connect_timeout", "close_timeout"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")
