"""What the log says to an agent's owner and need not say to whoever types a command."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from avatar_core.log import logger


@contextmanager
def operator_log() -> Iterator[None]:
    """Log only what concerns an operator, as long as the block runs."""
    concerns = _ConcernsOperators()
    logger.addFilter(concerns)
    try:
        yield
    finally:
        logger.removeFilter(concerns)


class _ConcernsOperators(logging.Filter):
    def __init__(self) -> None:
        super().__init__()
        self._tries_again = False

    def filter(self, record: logging.LogRecord) -> bool:
        # The event loop stands still for imports: no agent waits for it here.
        if hasattr(record, "stalled_seconds"):
            return False
        # That a call is repeated explains the wait; a dozen of these lines explain no more, and
        # what it was that failed is said at the end.
        if hasattr(record, "pause_seconds"):
            said, self._tries_again = self._tries_again, True
            return not said
        return True
