"""The mock avatar's renderer: a drawn character that talks, listens, thinks and is interrupted."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from avatar_core.worker.renderer import Moment, Renderer

from .acting import Actor
from .look import choose_look
from .stage import Stage, shared_stage
from .visemes import LipReader

if TYPE_CHECKING:
    from livekit import rtc

    from .overlay import Overlay


class MockFace(Renderer):
    """Draws a character whose mouth follows the sound, for a few percent of what encoding costs."""

    def __init__(
        self,
        *,
        width: int = 512,
        height: int = 512,
        fps: float = 25.0,
        style: str = "person",
        background: str | None = None,
        skin: str | None = None,
        hair: str | None = None,
        shirt: str | None = None,
        accent: str | None = None,
        overlay: bool = False,
        seed: int = 0,
    ) -> None:
        """Prepare the first picture.

        Args:
            width: Frame width in pixels, even, 64 to 1920.
            height: Frame height in pixels, even, 64 to 1920.
            fps: Frames a second :meth:`draw` will be called for.
            style: Name of a folder of drawings: ``person`` or ``robot``.
            background: Colour ``#rrggbb`` of the wall behind, None for the style's own.
            skin: Colour of skin, or of a robot's shell.
            hair: Colour of hair, or of a robot's visor.
            shirt: Colour of clothes, or of a robot's body.
            accent: Colour of what stands out.
            overlay: Write state, segment, position, latency and level over the picture.
            seed: Of all chance; the same seed and the same moments give the same frames.

        Raises:
            ValueError: A parameter is not what it may be.
        """
        if not 1 <= fps <= 120:
            raise ValueError(f"fps {fps} is not between 1 and 120")
        colours = {
            "background": background,
            "skin": skin,
            "hair": hair,
            "shirt": shirt,
            "accent": accent,
        }
        look = choose_look(style=style, colours=colours, width=width, height=height)
        self.width, self.height, self.fps = width, height, fps
        self._stage: Stage | None = shared_stage(look)
        self._actor = Actor(seed=seed)
        self._lips = LipReader(fps=fps)
        self._overlay: Overlay | None = None
        self._state: str | None = None
        self._latency: float | None = None
        self._heard_at: float | None = None
        self._segment = 0
        if overlay:
            from .overlay import Overlay

            self._overlay = Overlay(width=width, height=height)

    def report(self, *, state: str | None = None, latency: float | None = None) -> None:
        """Tell the overlay what the face cannot know; what is None stays as it was.

        Args:
            state: The provider's state, in a word or two.
            latency: Seconds from the arrival of sound to its being heard.
        """
        self._state = self._state if state is None else state
        self._latency = self._latency if latency is None else latency

    def hear(self, frame: rtc.AudioFrame) -> None:
        """Note when the first sound of a segment came, for the overlay's latency."""
        if self._heard_at is None:
            self._heard_at = time.monotonic()

    def draw(self, moment: Moment) -> rtc.VideoFrame:
        """Return the picture for one moment, I420, in a buffer of its own."""
        from livekit import rtc

        if self._stage is None:
            raise RuntimeError("the face was closed and draws no more")
        if self._actor.lips_shut:
            mouth = self._lips.close()
        else:
            mouth = self._lips.read(moment.audio, moment.sample_rate)
        state = "speaking" if moment.speaking else moment.agent_state
        expression = self._actor.act(time=moment.time, state=state, mouth=mouth)
        data = self._stage.draw(expression)
        if self._overlay is not None:
            self._note(moment)
            self._overlay.write(
                data,
                moment,
                state=self._state,
                latency=self._latency,
                level=self._lips.level,
            )
        return rtc.VideoFrame(self.width, self.height, rtc.VideoBufferType.I420, data)

    def interrupted(self) -> None:
        """Shut the mouth and look up, surprised, for a second."""
        self._heard_at = None
        self.report(state="interrupted")
        self._actor.startle()

    def idle(self) -> None:
        """Lips close with the sound; the overlay says that nothing is left to play."""
        self._heard_at = None
        self.report(state="quiet")

    def _note(self, moment: Moment) -> None:
        """Find out how long the sound took from its arrival until it is heard."""
        if not moment.speaking or moment.segment == self._segment:
            return
        self._segment = moment.segment
        latency = time.monotonic() - self._heard_at if self._heard_at is not None else None
        self.report(state="playing", latency=latency)

    def close(self) -> None:
        """Give back the pictures; the last face of a look frees them."""
        self._stage = None
