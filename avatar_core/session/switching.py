"""Another avatar because it was asked for: switching, standing by, renewal."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from avatar_core.contract.errors import (
    AvatarNotJoinedError,
    ProviderQuotaError,
    SessionStateError,
)
from avatar_core.log import logger
from avatar_core.session.avatar_run import AvatarRun
from avatar_core.session.avatar_runs import AvatarRuns
from avatar_core.session.provider_slot import ProviderSlot
from avatar_core.session.status import SessionStatus
from avatar_core.session.succession import Succession

T = TypeVar("T")


class Switching:
    """Makes before it breaks: the next avatar is in the room before the present one goes.

    Args:
        runs: Who brings avatars in and lets them go.
        succession: Who speaks.
        status: The session's state.
    """

    def __init__(self, *, runs: AvatarRuns, succession: Succession, status: SessionStatus) -> None:
        self._runs = runs
        self._succession = succession
        self._status = status
        self._one_at_a_time = asyncio.Lock()
        self._standing_by: set[AvatarRun] = set()
        self._handing_over_to: AvatarRun | None = None
        succession.on_other_lost = self._other_lost
        self._tasks: set[asyncio.Task[Any]] = set()
        self._closed = False

    async def prepare(self, slot: ProviderSlot) -> AvatarRun:
        """Bring an avatar into the room and let it wait there.

        Raises:
            SessionStateError: The avatar session does not run.
            AvatarError: It could not be brought in.
        """
        self._must_run()
        brought: list[AvatarRun] = []

        async def bring() -> None:
            run = await self._runs.bring(
                self._succession.ring.fresh(slot), listener=self._succession
            )
            brought.append(run)
            self._standing_by.add(run)  # at once: it is ended with the session from now on

        try:
            await self._own(bring())
        except asyncio.CancelledError:
            for run in brought:  # it was there just then, and nobody knows of it
                self.dismiss(run)
            raise
        (run,) = brought
        if run not in self._standing_by:
            raise _closed_meanwhile()
        return run

    def dismiss(self, run: AvatarRun) -> None:
        """End one that stands by; one that speaks, or has spoken, is left alone."""
        if run in self._standing_by:
            self._standing_by.discard(run)
            self._runs.let_go(run, "it was not needed")

    def _other_lost(self, run: AvatarRun) -> None:
        """End a stand-by that was lost; whoever switches to one sees it by itself."""
        if run in self._standing_by and run is not self._handing_over_to:
            logger.warning("an avatar that stood by was lost", extra={"provider": run.provider})
            self.dismiss(run)

    async def switch(self, slot: ProviderSlot, *, at_boundary: bool) -> None:
        """Bring an avatar in and give it the word; if that fails, the present one stays.

        Raises:
            SessionStateError: The avatar session does not run.
            AvatarError: It could not be brought in.
        """

        async def change() -> None:
            run = await self._bring(slot)
            await self._hand_over(run, at_boundary=at_boundary)

        await self._own(self._change(change))

    async def renew(self, slot: ProviderSlot, *, boundary_until: float) -> None:
        """Switch at a boundary if one comes in time, and in the middle of a sentence if not.

        Args:
            slot: Who is to speak.
            boundary_until: Unix time until which a boundary is waited for.

        Raises:
            AvatarError: It could not be brought in; the present one stays.
        """
        run = await self.prepare(slot)
        at_boundary = asyncio.create_task(self.switch_to(run, at_boundary=True))
        try:
            # Not asyncio.wait_for: it swallows a cancellation that comes with the result (3.11).
            await asyncio.wait([at_boundary], timeout=max(0.0, boundary_until - time.time()))
            if at_boundary.done():
                return at_boundary.result()
            at_boundary.cancel()
            await asyncio.wait([at_boundary])
            if run is not self._succession.current:  # it may have got the word just then
                await self.switch_to(run, at_boundary=False)
        finally:
            at_boundary.cancel()
            self.dismiss(run)

    async def switch_to(self, run: AvatarRun, *, at_boundary: bool) -> None:
        """Give the word to one that stands by.

        Raises:
            SessionStateError: It does not stand by, or the avatar session does not run.
            AvatarNotJoinedError: It has left the room.
        """

        async def change() -> None:
            if run not in self._standing_by:
                raise SessionStateError("this stand-by was used or closed before: prepare another")
            await self._hand_over(run, at_boundary=at_boundary)

        await self._own(self._change(change))

    async def stop(self) -> None:
        """Change nothing any more, and let nobody stand by."""
        self._closed = True
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        for run in list(self._standing_by):
            self.dismiss(run)

    async def _own(self, work: Coroutine[Any, Any, T]) -> T:
        """Run something that ends with the avatar session, and with its caller."""
        task = asyncio.create_task(work, name="avatar-switch")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError:
            task.cancel()
            await asyncio.wait([task])
            raise
        if task.cancelled():
            raise _closed_meanwhile()
        return task.result()

    async def _change(self, change: Callable[[], Awaitable[None]]) -> None:
        """One change at a time; nobody is brought in meanwhile in place of one that was lost."""
        async with self._one_at_a_time:
            self._must_run()
            async with self._succession.changed_by_hand():
                await change()

    async def rest(self, reason: str) -> None:
        """Let the avatar go until the succession is woken; a change under way comes first.

        Args:
            reason: Why, in a few words.
        """
        async with self._one_at_a_time:
            if not self._closed:
                await self._succession.rest(reason)

    async def _bring(self, slot: ProviderSlot) -> AvatarRun:
        """Bring one in beside the present one, or in its place where its provider wants that."""
        succession = self._succession
        fresh = succession.ring.fresh(slot)
        present = succession.current
        same = present is not None and present.slot.provider is slot.provider
        alone = slot.provider.info.capabilities.concurrent_sessions == 1
        if not (same and alone):
            try:
                return await self._runs.bring(fresh, listener=succession)
            except ProviderQuotaError:
                if not same:
                    raise
                fresh = succession.ring.fresh(slot)
        logger.info(
            "a second session is refused: the avatar goes before the next one comes",
            extra={"provider": slot.provider.name},
        )
        await succession.make_room("its provider allows no second session beside it")
        return await self._runs.bring(fresh, listener=succession)

    async def _hand_over(self, run: AvatarRun, *, at_boundary: bool) -> None:
        """Give the word to one that is there; one that goes before it has it is ended."""
        succession = self._succession

        async def hand_over() -> None:
            await run.until_received()
            await succession.hand_over(run, "switched", at_boundary=at_boundary)

        self._handing_over_to = run
        speaking = asyncio.create_task(hand_over(), name="avatar-hand-over")
        going = asyncio.create_task(run.gone.wait(), name="avatar-hand-over-gone")
        try:
            await asyncio.wait({speaking, going}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            if run is not succession.current and run not in self._standing_by:
                self._runs.let_go(run, "the switch to it was cancelled")
            raise
        finally:
            self._handing_over_to = None
            # Not waited for: a cancellation of that wait would leave an avatar to nobody.
            for task in (speaking, going):
                task.cancel()
            if run is succession.current:
                self._standing_by.discard(run)
        if run is succession.current:
            return
        self._standing_by.discard(run)
        self._runs.let_go(run, "it left the room")
        failed = speaking.done() and not speaking.cancelled()
        error = speaking.exception() if failed else None
        raise error or AvatarNotJoinedError("the avatar left the room before it could speak")

    def _must_run(self) -> None:
        if self._closed or self._status.state not in ("joining", "live", "voice_only"):
            raise SessionStateError(
                f"this avatar session is {self._status.state}: switch() and prepare() need one"
                " that was started and is not closed"
            )


def _closed_meanwhile() -> SessionStateError:
    return SessionStateError("the avatar session was closed meanwhile")
