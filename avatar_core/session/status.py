"""The one place where a session's state is kept and changed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from avatar_core.contract.errors import AvatarNotJoinedError, SessionStateError
from avatar_core.log import logger
from avatar_core.session.states import AvatarState, AvatarStateChangedEvent, may_follow


class SessionStatus:
    """The state of a session, why it is in it, and whether an avatar is still to be expected.

    Args:
        on_change: Called with every change, in order.
    """

    def __init__(self, *, on_change: Callable[[AvatarStateChangedEvent], None]) -> None:
        self._on_change = on_change
        self._changed: set[asyncio.Event] = set()
        self.state: AvatarState = "idle"
        self.reason = ""
        self.without_avatar = False
        """No avatar is wanted: it is off, or there is no real room."""
        self.given_up = False
        """No avatar will come any more."""

    def to(self, state: AvatarState, reason: str) -> bool:
        """Go to a state if it may follow the present one; returns whether it was entered.

        Args:
            state: The new state.
            reason: Why, in a few words.
        """
        if not may_follow(self.state, state):
            return False
        event = AvatarStateChangedEvent(old_state=self.state, new_state=state, reason=reason)
        self.state, self.reason = state, reason
        if state == "live":
            self.given_up = False
        logger.debug("avatar session is %s: %s", state, reason)
        for changed in self._changed:
            changed.set()
        self._on_change(event)
        return True

    def announce(self, reason: str) -> None:
        """Tell that another avatar is in the same state now.

        Args:
            reason: Why, in a few words.
        """
        self.reason = reason
        self._on_change(
            AvatarStateChangedEvent(old_state=self.state, new_state=self.state, reason=reason)
        )

    def give_up(self, reason: str) -> None:
        """Expect no avatar any more.

        Args:
            reason: Why, for those who wait for one.
        """
        self.given_up, self.reason = True, reason
        for changed in self._changed:
            changed.set()

    async def wait_live(self, *, timeout: float | None) -> None:
        """Wait until the avatar is live; returns at once where none is wanted.

        Args:
            timeout: Seconds at most; None for no limit.

        Raises:
            asyncio.TimeoutError: It is not there in time.
            AvatarNotJoinedError: It is not coming any more, and why; a TimeoutError as well.
            SessionStateError: Nothing was started.
        """
        if self.state == "idle":
            raise SessionStateError("wait_for_join() comes after start()")
        changed = asyncio.Event()
        self._changed.add(changed)
        try:
            await asyncio.wait_for(self._wait(changed), timeout)
        finally:
            self._changed.discard(changed)

    async def _wait(self, changed: asyncio.Event) -> None:
        while self.state != "live" and not self.without_avatar:
            if self.given_up or self.state in ("closing", "closed"):
                raise AvatarNotJoinedError(f"the avatar will not join: {self.reason}")
            changed.clear()
            await changed.wait()
