"""Keeps a codec's remarks out of the progress line on a terminal."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

# OpenH264 remarks once a call, past Python and in the middle of a line, that it was not told the
# frame rate; no log level reaches it.
_REMARK = b"[OpenH264]"


@contextmanager
def without_codec_remarks() -> Iterator[TextIO]:
    """Drop what OpenH264 writes to this process's stderr; anything else passes through.

    Yields:
        The real stderr, still the terminal it was, for whoever draws on it.
    """
    sys.stderr.flush()
    real = os.dup(2)
    reading, writing = os.pipe()
    os.dup2(writing, 2)
    os.close(writing)
    forwarder = threading.Thread(
        target=_forward, args=(reading, real), name="demo stderr", daemon=True
    )
    forwarder.start()
    try:
        with os.fdopen(os.dup(real), "w", encoding="utf-8", errors="replace") as stream:
            yield stream
    finally:
        sys.stderr.flush()
        os.dup2(real, 2)
        # It ends when nobody can write any more; a process that inherited the pipe may still.
        forwarder.join(timeout=1.0)


def _forward(reading: int, real: int) -> None:
    with os.fdopen(reading, "rb") as lines, os.fdopen(real, "wb", buffering=0) as out:
        for line in lines:
            before, remark, _ = line.partition(_REMARK)
            out.write(before if remark else line)
