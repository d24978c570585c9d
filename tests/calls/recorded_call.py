"""What LiveKit's recorder has written of a call."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

from avatar_core.testing.viewer import SAMPLE_RATE


def agent_channel(path: Path) -> npt.NDArray[np.int16]:
    """The agent's side of a recording, at the rate the sweep is read at."""
    with av.open(str(path)) as container:
        resampler = av.AudioResampler(format="s16", layout="stereo", rate=SAMPLE_RATE)
        pieces = [
            piece.to_ndarray().reshape(-1, 2)[:, 1]
            for frame in container.decode(audio=0)
            for piece in resampler.resample(frame)
        ]
    return np.concatenate(pieces)
