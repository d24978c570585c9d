"""Answers that are given again to the same request under the same key."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from avatar_provider_protoface.emulator.clock import Clock
from avatar_provider_protoface.emulator.problems import ApiProblemError

WINDOW_SECONDS = 24 * 3600.0
LONGEST_KEY = 255


@dataclass(frozen=True, slots=True)
class _Kept:
    digest: str
    status: int
    body: dict[str, Any]
    at: float


class IdempotencyStore:
    """Keeps answers for a day.

    Args:
        clock: Its time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kept: dict[str, _Kept] = {}

    def replay(self, key: str | None, raw: bytes) -> tuple[int, dict[str, Any]] | None:
        """Return the answer that this request was given before, if it was.

        Raises:
            ApiProblemError: The key is none, or was used for another request.
        """
        if key is None:
            return None
        if not 1 <= len(key) <= LONGEST_KEY:
            raise ApiProblemError(
                400, "idempotency_key.invalid", "The idempotency key has 1 to 255 characters."
            )
        kept = self._kept.get(key)
        if kept is None or self._clock.now() - kept.at > WINDOW_SECONDS:
            return None
        if kept.digest != _digest(raw):
            raise ApiProblemError(
                409,
                "idempotency_key.reused",
                "The idempotency key was used for a different request.",
            )
        return kept.status, kept.body

    def keep(self, key: str | None, raw: bytes, status: int, body: dict[str, Any]) -> None:
        """Keep an answer."""
        if key is not None:
            self._kept[key] = _Kept(_digest(raw), status, body, self._clock.now())


def _digest(raw: bytes) -> str:
    canonical = json.dumps(json.loads(raw), sort_keys=True)
    return hashlib.sha256(canonical.encode()).hexdigest()
