"""What an avatar's renderer is: audio in, frames out, interrupted, idle."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from livekit import rtc


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """What a viewer hears while one video frame is on screen.

    Args:
        time: Seconds since the worker started drawing.
        speaking: A segment is playing and has been heard at least in part.
        audio: Samples heard while this frame is on screen, int16 mono of ``sample_rate`` Hz,
            ``sample_rate / fps`` long; empty when nothing plays.
        sample_rate: Rate of ``audio`` in Hz.
        position: Seconds of the current segment heard so far, 0 when nothing plays.
        segment: Ordinal of the current segment, from 1; 0 before the first.
        agent_state: The agent's state as LiveKit names it (``listening``, ``thinking``,
            ``speaking``, ``initializing``, ``idle``), None when unknown.
    """

    time: float
    speaking: bool
    audio: npt.NDArray[np.int16]
    sample_rate: int
    position: float
    segment: int
    agent_state: str | None


class Renderer(ABC):
    """Draws the avatar; the worker calls it on its own clock and publishes what it draws.

    A renderer never waits and never touches the network: sound is played by the worker, and
    ``draw`` is asked, ``fps`` times a second, for the picture that belongs to what is heard now.
    All methods are called on the worker's event loop, one at a time.
    """

    width: int
    height: int
    fps: float

    @abstractmethod
    def draw(self, moment: Moment) -> rtc.VideoFrame:
        """Return the picture for one moment; I420 saves the encoder a conversion."""

    def hear(self, frame: rtc.AudioFrame) -> None:  # noqa: B027 - optional by design
        """Take a frame of a segment as it arrives, often long before it is heard.

        Of live sound (``AvatarWorker.hear``) segments are what is loud, and the pauses between
        them do not come here.
        It is int16 mono, resampled to the rate of ``Moment.audio``, of any length.
        """

    def interrupted(self) -> None:  # noqa: B027 - optional by design
        """Speech was cut off: what was passed to ``hear`` and not yet played never will be."""

    def idle(self) -> None:  # noqa: B027 - optional by design
        """The last segment has been played to its end; nothing waits behind it."""

    def close(self) -> None:  # noqa: B027 - optional by design
        """The worker has stopped drawing; give back what the renderer holds."""
