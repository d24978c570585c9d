"""Who is told what becomes of an avatar."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from avatar_core.session.avatar_run import AvatarRun


class RunListener(Protocol):
    """Who is told what becomes of an avatar; called on the event loop."""

    def avatar_joined(self, run: AvatarRun) -> bool:
        """It is in the room, or back in it; returns whether it is wanted there."""

    def avatar_left(self, run: AvatarRun) -> None:
        """It is not in the room, and may come back."""

    def avatar_lost(
        self, run: AvatarRun, reason: str, *, silent_since: float | None = None
    ) -> None:
        """It will not come back, or cannot be spoken through.

        Args:
            run: Which.
            reason: What was seen, in a few words.
            silent_since: Unix time from which nothing of it was heard; None for now.
        """

    def avatar_late(self, run: AvatarRun) -> None:
        """It has not joined in time."""
