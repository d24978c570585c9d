"""Sound files to give to the demo."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

_CODECS = {
    ".wav": "pcm_s16le",
    ".mp3": "libmp3lame",
    ".flac": "flac",
    ".opus": "libopus",
    ".ogg": "libopus",
    ".m4a": "aac",
}


def melody(seconds: float, *, rate: int = 24_000) -> npt.NDArray[np.int16]:
    """Make a rising tone, which looks like itself at one place only."""
    at = np.arange(round(seconds * rate)) / rate
    tone = np.sin(2 * np.pi * (300 * at + 120 * at**2)) * 9000
    return np.asarray(tone * (0.6 + 0.4 * np.sin(2 * np.pi * 3 * at)), dtype=np.int16)


def write_sound(
    path: Path, samples: npt.NDArray[np.int16], *, rate: int = 24_000, stereo: bool = False
) -> Path:
    """Write samples in the format that the file's name says."""
    layout = "stereo" if stereo else "mono"
    with av.open(str(path), "w") as container:
        stream = container.add_stream(_CODECS[path.suffix], rate=rate, layout=layout)
        channels = np.repeat(samples, 2) if stereo else samples
        frame = av.AudioFrame.from_ndarray(channels.reshape(1, -1), format="s16", layout=layout)
        frame.sample_rate = rate
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path
