"""An avatar that is in the room already and waits to be switched to."""

from __future__ import annotations

from types import TracebackType

from typing_extensions import Self

from avatar_core.session.avatar_run import AvatarRun
from avatar_core.session.switching import Switching


class StandBy:
    """What ``AvatarSession.prepare`` returns: give it to ``switch``, or close it.

    Its session runs, and is billed, from now on. It is ended with the avatar session.
    """

    def __init__(self, *, run: AvatarRun, switching: Switching) -> None:
        self._run = run
        self._switching = switching

    @property
    def provider(self) -> str:
        """Name of its provider."""
        return self._run.provider

    @property
    def avatar_identity(self) -> str:
        """Identity of its participant; empty where nobody joins a room."""
        return self._run.identity

    @property
    def session_id(self) -> str | None:
        """The provider's id of its session; None where it has none."""
        return self._run.session.session_id

    async def switch(self, *, at_boundary: bool) -> None:
        """Give it the word; ``AvatarSession.switch`` is the way to call it."""
        await self._switching.switch_to(self._run, at_boundary=at_boundary)

    async def aclose(self) -> None:
        """End it, in the background; it does nothing to one that was switched to."""
        self._switching.dismiss(self._run)

    async def __aenter__(self) -> Self:
        """Return it."""
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close it."""
        await self.aclose()

    def __repr__(self) -> str:
        return f"StandBy({self.provider!r}, {self.avatar_identity!r})"
