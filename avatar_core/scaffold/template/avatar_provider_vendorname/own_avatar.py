"""The avatar that talks until your service's does: a drawn face, in the agent's own process.

YOUR SERVICE takes the place of this whole file. Keep it if you host avatars yourself: ``Face`` is
all there is to draw, and the worker runs as well in a process or on a machine of its own.
"""

from __future__ import annotations

import numpy as np
from avatar_core.contract.models import StartRequest
from avatar_core.worker import AvatarWorker, Moment, Renderer
from livekit import rtc

LOUD = 6000
"""Mean level of int16 sound at which the mouth is wide open."""


class Face(Renderer):
    """A round face whose mouth opens with the voice.

    Args:
        size: Width and height of the picture in pixels, even.
        fps: Pictures a second.
    """

    def __init__(self, *, size: int, fps: float = 25) -> None:
        self.width = self.height = size
        self.fps = fps
        # From -1 to 1 over the picture, y downwards.
        y, x = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j]
        eyes = (np.abs(x) - 0.3) ** 2 + (y + 0.25) ** 2 < 0.08**2
        self._resting = np.where(x**2 + y**2 < 0.8**2, 200, 60).astype(np.uint8)
        self._resting[eyes] = 20
        # The mouth alone moves, within this part of the picture.
        self._place = np.s_[size * 11 // 20 : size * 4 // 5, size * 3 // 10 : size * 7 // 10]
        self._across = (x[self._place] / 0.35) ** 2
        self._down = (y[self._place] - 0.35) ** 2

    def draw(self, moment: Moment) -> rtc.VideoFrame:
        """Return the face for what is heard at this moment."""
        level = float(np.abs(moment.audio.astype(np.int32)).mean()) if moment.audio.size else 0.0
        opening = 0.03 + 0.2 * min(level / LOUD, 1)
        luma = self._resting.copy()
        luma[self._place][self._across + self._down / opening**2 < 1] = 20
        grey = bytes([128]) * (luma.size // 2)  # both colour planes, without colour
        return rtc.VideoFrame(
            self.width, self.height, rtc.VideoBufferType.I420, luma.tobytes() + grey
        )


async def join_room(request: StartRequest) -> AvatarWorker:
    """Let the face join the room of a call.

    Args:
        request: What ``start_session`` was asked.

    Raises:
        rtc.ConnectError: The LiveKit server was not reached; nothing is left behind.
    """
    assert request.room is not None, "only options whose joins_room is False have no room"
    worker = AvatarWorker(
        renderer=Face(size=request.options.size),
        agent_identity=request.room.agent_identity,
    )
    await worker.start(request.room.url, request.token)
    return worker
