"""The film of a call: takes what the viewer receives, encodes it on a thread of its own."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np

from avatar_core.contract.errors import AvatarError
from avatar_core.demo.mp4_writer import Mp4Writer
from avatar_core.demo.part_file import PartFile
from avatar_core.demo.still import no_video_still
from avatar_core.demo.utterance import AUDIBLE_LEVEL
from avatar_core.demo.viewer import Picture, Sound
from avatar_core.log import logger

if TYPE_CHECKING:
    import numpy.typing as npt
    from livekit import rtc

_MAX_WAITING_PICTURES = 200  # eight seconds, 80 MB at 512x512: beyond, the machine cannot keep up
_STILL_SIZE = (512, 512)


class RecordingError(AvatarError):
    """The film could not be written: the disk is full, or was taken away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """A finished film.

    Args:
        path: The file.
        started_at: When it begins, in seconds of ``time.monotonic()``.
        seconds: Its length.
        width: Pixels.
        height: Pixels.
        pictures: How many pictures were received and written.
        dropped: How many were received and left out, because encoding fell behind.
    """

    path: Path
    started_at: float
    seconds: float
    width: int
    height: int
    pictures: int
    dropped: int


class Recorder:
    """Records from the first picture, or the first audible sound where that comes before.

    ``picture`` and ``sound`` return at once; encoding takes place on one thread. The file is
    under a temporary name until ``finish`` is through.

    Args:
        target: Where the film goes, ``.mp4``.

    Raises:
        ConfigurationError: The target cannot be written.
    """

    def __init__(self, target: Path) -> None:
        self._file = PartFile(target)
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._waiting_pictures = 0
        self._dropped = 0
        self._writer: Mp4Writer | None = None
        self._failure: Exception | None = None
        self._thread: threading.Thread | None = None
        self._started_at: float | None = None

    @property
    def started_at(self) -> float | None:
        """When the film begins, in seconds of ``time.monotonic()``; None before it has begun."""
        return self._started_at

    def picture(self, picture: Picture) -> None:
        """Take a received picture; never blocks."""
        frame = picture.frame
        if self._started_at is None:
            self._begin(picture.at, width=frame.width, height=frame.height)
        if self._waiting_pictures >= _MAX_WAITING_PICTURES:
            if not self._dropped:
                logger.warning("recording falls behind: pictures are left out of the film")
            self._dropped += 1
            return
        self._waiting_pictures += 1
        self._jobs.put(lambda: self._write_picture(frame, picture.at))

    def sound(self, sound: Sound) -> None:
        """Take received sound; never blocks."""
        if self._started_at is None:
            if np.sqrt(np.mean(sound.samples.astype(np.float64) ** 2)) < AUDIBLE_LEVEL:
                return
            self._begin(sound.at, width=_STILL_SIZE[0], height=_STILL_SIZE[1])
        self._jobs.put(lambda: self._write_sound(sound.samples, sound.at))

    def finish(self) -> Recording | None:
        """Write what waits, give the film its name; blocks, so call it in a thread.

        Returns:
            The film, or None if nothing was received: then there is no file.

        Raises:
            RecordingError: Writing failed; there is no file.
        """
        try:
            self._stop()
            if self._failure is not None:
                raise self._failure
            started_at, writer = self._started_at, self._writer
            if started_at is None or writer is None:
                return None
            writer.close()
            recording = Recording(
                path=self._file.target,
                started_at=started_at,
                seconds=writer.seconds,
                width=writer.width,
                height=writer.height,
                pictures=writer.pictures,
                dropped=self._dropped,
            )
            self._file.keep()
        except (OSError, av.FFmpegError) as exc:
            raise RecordingError(
                f"the film could not be written to {self._file.target}: {exc.strerror or exc}"
            ) from exc
        finally:
            self.abandon()
        return recording

    def abandon(self) -> None:
        """Give up: nothing is left behind. Does nothing after ``finish``; blocks."""
        self._stop()
        if self._writer is not None:
            self._writer.abandon()
            self._writer = None
        self._file.discard()

    def _begin(self, at: float, *, width: int, height: int) -> None:
        self._started_at = at
        self._jobs.put(lambda: self._open(width, height))
        self._thread = threading.Thread(target=self._run, name="demo recorder", daemon=True)
        self._thread.start()

    def _stop(self) -> None:
        if self._thread is not None:
            self._jobs.put(None)
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            if self._failure is not None:
                continue
            try:
                job()
            except Exception as exc:  # noqa: BLE001 - told by finish(), on the caller's thread
                self._failure = exc

    def _open(self, width: int, height: int) -> None:
        self._writer = Mp4Writer(
            self._file.path, width=width, height=height, still=no_video_still(*_STILL_SIZE)
        )

    def _write_picture(self, frame: rtc.VideoFrame, at: float) -> None:
        self._waiting_pictures -= 1
        assert self._writer is not None and self._started_at is not None
        self._writer.picture(_planes(frame), at=at - self._started_at)

    def _write_sound(self, samples: npt.NDArray[np.int16], at: float) -> None:
        assert self._writer is not None and self._started_at is not None
        self._writer.sound(samples, at=at - self._started_at)


def _planes(frame: rtc.VideoFrame) -> npt.NDArray[np.uint8]:
    """Return I420 planes below each other, without the last row or column of an odd size."""
    width, height = frame.width, frame.height
    data = np.frombuffer(frame.data, np.uint8)
    if width % 2 == 0 and height % 2 == 0:
        return data.reshape(height * 3 // 2, width)
    half_width, half_height = (width + 1) // 2, (height + 1) // 2
    bright, colour = np.split(data, [width * height])
    even_width, even_height = width - width % 2, height - height % 2
    colours = colour.reshape(2, half_height, half_width)
    return np.concatenate(
        [
            bright.reshape(height, width)[:even_height, :even_width],
            colours[:, : even_height // 2, : even_width // 2].reshape(-1, even_width),
        ]
    )
