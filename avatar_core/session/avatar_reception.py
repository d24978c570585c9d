"""What the agent receives of one avatar, whoever looks after it at the time."""

from __future__ import annotations

import time

from avatar_core.liveness.liveness_watch import LivenessWatch


class AvatarReception:
    """Asks the watch over an avatar, and keeps what the ones before it have seen."""

    def __init__(self) -> None:
        self._watch: LivenessWatch | None = None
        self._held_up_before = 0.0

    def watched_by(self, watch: LivenessWatch | None) -> LivenessWatch | None:
        """Ask another watch from now on; returns the one before.

        Args:
            watch: It; None while the avatar is away.
        """
        before, self._watch = self._watch, watch
        if before is not None:
            self._held_up_before += before.held_up
        return before

    def look_closely(self) -> None:
        """Learn of the end of its sound soon."""
        if self._watch is not None:
            self._watch.look_closely()

    @property
    def held_up(self) -> float:
        """Seconds, all in all, in which nothing got through to the agent."""
        watched = self._watch.held_up if self._watch is not None else 0.0
        return self._held_up_before + watched

    @property
    def heard_until(self) -> float | None:
        """Unix time at which sound of it last arrived; None if nobody listened."""
        return _unix(self._watch.last_sound if self._watch is not None else None)

    @property
    def listening_since(self) -> float | None:
        """Unix time since when sound of it would be noticed; None while it would not."""
        return _unix(self._watch.listening_since if self._watch is not None else None)


def _unix(moment: float | None) -> float | None:
    return None if moment is None else time.time() - (time.monotonic() - moment)
