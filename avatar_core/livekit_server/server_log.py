"""The server's output, kept within bounds."""

from __future__ import annotations

import collections
import threading
from pathlib import Path

_TAIL_LINES = 50


class ServerLog:
    """Writes lines to a file of bounded size and remembers the last of them.

    Args:
        path: The file; when it is full it becomes ``path`` + ``.old`` and a new one begins.
        limit: Size in bytes at which it is full.
    """

    def __init__(self, path: Path, *, limit: int = 4 << 20) -> None:
        self.path = path
        self._limit = limit
        self._file = path.open("wb")
        self._tail: collections.deque[str] = collections.deque(maxlen=_TAIL_LINES)
        self._lock = threading.Lock()

    def write(self, line: bytes) -> None:
        """Keep one line."""
        with self._lock:
            self._tail.append(line.decode(errors="replace").rstrip())
            if self._file.tell() + len(line) > self._limit:
                self._file.close()
                self.path.replace(self.path.with_name(f"{self.path.name}.old"))
                self._file = self.path.open("wb")
            self._file.write(line)
            self._file.flush()

    def tail(self) -> list[str]:
        """Return the last lines, at most 50."""
        with self._lock:
            return list(self._tail)

    def close(self) -> None:
        """Close the file; it stays where it is."""
        with self._lock:
            self._file.close()
