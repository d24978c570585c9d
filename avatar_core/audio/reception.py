"""What the agent receives of an avatar, for those who send to it."""

from __future__ import annotations

from typing import Protocol


class Reception(Protocol):
    """What comes over the agent's own connection, of an avatar and at all."""

    @property
    def held_up(self) -> float:
        """Seconds, all in all, in which nothing got through to the agent."""

    @property
    def heard_until(self) -> float | None:
        """Unix time at which sound of the avatar last arrived; None if nobody listened."""

    @property
    def listening_since(self) -> float | None:
        """Unix time since when sound of it would be noticed; None while it would not."""

    def look_closely(self) -> None:
        """Learn of the end of the sound soon."""


class NoReception:
    """Nobody listens."""

    held_up = 0.0
    heard_until = None
    listening_since = None

    def look_closely(self) -> None:
        """Nobody can."""
