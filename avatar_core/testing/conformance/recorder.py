"""Every call of a provider's hooks, as it was made and as it ended."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from avatar_core.calling.provider_call import ProviderCall
from avatar_core.contract.hookspecs import hookimpl
from avatar_core.contract.models import StartedSession

After = Callable[[ProviderCall], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenCall:
    """A call that is over.

    Args:
        call: Hook, request, and result or error.
        began: ``time.monotonic()`` of its start.
        ended: And of its end.
    """

    call: ProviderCall
    began: float
    ended: float


class Recorder:
    """An extension that writes calls down."""

    def __init__(self) -> None:
        self.seen: list[SeenCall] = []
        self.after: dict[str, After] = {}
        """By hook: awaited when a call of it is over, before the core goes on."""

    @hookimpl
    @asynccontextmanager
    async def around_call(self, call: ProviderCall) -> AsyncIterator[None]:
        """Write a call down."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.seen.append(SeenCall(call=call, began=began, ended=time.monotonic()))
            if (after := self.after.get(call.hook)) is not None:
                await after(call)

    def of(self, hook: str) -> list[SeenCall]:
        """Return the calls of one hook.

        Args:
            hook: Its name.
        """
        return [each for each in self.seen if each.call.hook == hook]

    @property
    def started(self) -> list[StartedSession]:
        """Sessions that starts have made, in order."""
        results = [each.call.result for each in self.of("start_session")]
        return [each for each in results if isinstance(each, StartedSession)]
