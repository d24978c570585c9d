"""What happened in a call, and when."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from avatar_core.demo.recorder import Recording


@dataclass(slots=True, kw_only=True)
class Segment:
    """One utterance as it was sent, reported and heard; times are seconds from the call's start.

    Args:
        number: From 1, in the order spoken.
        label: What was said, short.
        source: Whether it was synthesised from text or read from a file.
        seconds: Length of what was sent.
        own_silence: Pauses over 0.25 s in what was sent, in seconds.
        said_at: ``AgentSession.say`` was called.
        started_at: The avatar reported that playback started.
        finished_at: It reported that playback ended.
        position: How much it says was played, in seconds.
        interrupted: It says that it was cut off.
        interrupted_at: When the demo interrupted it.
        heard_at: The viewer heard its first audible sound.
        heard_until: The viewer heard its last audible sound.
        silence: Pauses over 0.25 s that the viewer heard in it, in seconds.
        overdue: No report of its end came; the demo stopped waiting.
    """

    number: int
    label: str
    source: Literal["say", "audio"]
    seconds: float
    own_silence: float = 0.0
    said_at: float = 0.0
    started_at: float | None = None
    finished_at: float | None = None
    position: float | None = None
    interrupted: bool = False
    interrupted_at: float | None = None
    heard_at: float | None = None
    heard_until: float | None = None
    silence: float = 0.0
    overdue: bool = False

    @property
    def stopped_after(self) -> float | None:
        """How long the viewer still heard it after it was interrupted, in seconds."""
        if self.interrupted_at is None or self.heard_until is None:
            return None
        return max(0.0, self.heard_until - self.interrupted_at)

    @property
    def added_silence(self) -> float:
        """Silence that the viewer heard and nobody sent, in seconds."""
        return max(0.0, self.silence - self.own_silence)

    def to_json(self) -> dict[str, Any]:
        """Return plain values, times rounded to milliseconds."""
        return {
            "number": self.number,
            "label": self.label,
            "source": self.source,
            "seconds": _ms(self.seconds),
            "said_at": _ms(self.said_at),
            "heard_at": _ms(self.heard_at),
            "heard_until": _ms(self.heard_until),
            "playback_started_at": _ms(self.started_at),
            "playback_finished_at": _ms(self.finished_at),
            "playback_position": _ms(self.position),
            "interrupted": self.interrupted,
            "interrupted_at": _ms(self.interrupted_at),
            "stopped_after": _ms(self.stopped_after),
            "added_silence": _ms(self.added_silence),
            "overdue": self.overdue,
        }


@dataclass(slots=True, kw_only=True)
class Timeline:
    """A whole call; times are seconds from its start, which is the call of ``avatar.start()``.

    Args:
        provider: The provider asked for.
        room: The room's name.
        stand_in: What took the place of the provider's service, for want of credentials.
    """

    provider: str
    room: str
    stand_in: str | None = None
    avatar_identity: str | None = None
    session_id: str | None = None
    state: str = "idle"
    events: list[tuple[float, str]] = field(default_factory=list)
    segments: list[Segment] = field(default_factory=list)
    started_at: float | None = None
    joined_at: float | None = None
    first_frame_at: float | None = None
    first_sound_at: float | None = None
    ended_at: float = 0.0
    silence: float = 0.0
    stopped_by: Literal["end", "interrupt", "time", "lost"] = "end"
    recording: Recording | None = None
    recording_at: float = 0.0
    contact_sheet: str | None = None

    @property
    def title(self) -> str:
        """The provider, and what stood in for it."""
        return self.provider + (f" ({self.stand_in} on this machine)" if self.stand_in else "")

    @property
    def avatar_missing(self) -> bool:
        """An avatar was wanted, had its time, and was never there."""
        return self.provider != "off" and self.joined_at is None and self.stopped_by == "end"

    @property
    def frames_per_second(self) -> float:
        """Rate at which pictures were received while the film ran."""
        if self.recording is None or self.recording.seconds <= 0:
            return 0.0
        return (self.recording.pictures + self.recording.dropped) / self.recording.seconds

    def to_json(self) -> dict[str, Any]:
        """Return plain values, times rounded to milliseconds."""
        film = self.recording
        return {
            "provider": self.provider,
            "stand_in": self.stand_in,
            "room": self.room,
            "avatar_identity": self.avatar_identity,
            "session_id": self.session_id,
            "state": self.state,
            "started_at": _ms(self.started_at),
            "joined_at": _ms(self.joined_at),
            "first_frame_at": _ms(self.first_frame_at),
            "first_sound_at": _ms(self.first_sound_at),
            "ended_at": _ms(self.ended_at),
            "stopped_by": self.stopped_by,
            "silence": _ms(self.silence),
            "segments": [segment.to_json() for segment in self.segments],
            "events": [{"at": _ms(at), "event": event} for at, event in self.events],
            "recording": film
            and {
                "path": str(film.path),
                "contact_sheet": self.contact_sheet,
                "starts_at": _ms(self.recording_at),
                "seconds": _ms(film.seconds),
                "width": film.width,
                "height": film.height,
                "pictures": film.pictures,
                "dropped": film.dropped,
                "frames_per_second": round(self.frames_per_second, 2),
            },
        }


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)
