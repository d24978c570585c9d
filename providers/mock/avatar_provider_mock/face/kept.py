"""What was made once and is kept for use again, within a limit."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Thing = TypeVar("Thing")


class Kept(Generic[Thing]):
    """Things by what they show, the least recently used given up first."""

    def __init__(self, *, limit: int, size: Callable[[Thing], int]) -> None:
        """Start empty.

        Args:
            limit: Bytes to keep at most.
            size: Bytes of one thing.
        """
        self._limit = limit
        self._size = size
        self._things: OrderedDict[Hashable, Thing] = OrderedDict()
        self._lock = threading.Lock()  # faces of one look may live on different event loops
        self.nbytes = 0

    def get(self, key: Hashable, make: Callable[[], Thing]) -> Thing:
        """Return what is kept under a key; make it if there is nothing."""
        with self._lock:
            if key in self._things:
                self._things.move_to_end(key)
                return self._things[key]
        # Made outside the lock: making one may need another.
        thing = make()
        with self._lock:
            if key not in self._things:
                self._things[key] = thing
                self.nbytes += self._size(thing)
            while self.nbytes > self._limit and len(self._things) > 1:
                _, given_up = self._things.popitem(last=False)
                self.nbytes -= self._size(given_up)
        return thing
