"""Another avatar, brought in in the background, after one was lost."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

from avatar_core.contract.errors import (
    AvatarNotJoinedError,
    ConfigurationError,
    ProviderAuthError,
    ProviderError,
)
from avatar_core.log import logger
from avatar_core.session.avatar_run import AvatarRun
from avatar_core.session.avatar_runs import AvatarRuns
from avatar_core.session.candidate_ring import CandidateRing
from avatar_core.session.policy import AvatarPolicy
from avatar_core.session.provider_slot import ProviderSlot
from avatar_core.session.room_audience import RoomAudience
from avatar_core.session.run_listener import RunListener
from avatar_core.session.speech_route import SpeechRoute
from avatar_core.session.status import SessionStatus

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
"""Seconds between two rounds of starts; the pause doubles from the first one."""

JITTER = 0.25
"""Share of a pause by which it varies: calls that lost one vendor must not come back as one."""

CANCELLED_AGAIN = 1.0
"""Seconds after which what was cancelled and goes on is cancelled again."""

STABLE_SECONDS = 60.0
"""Seconds that an avatar has to last for the ones lost before it not to count any more."""


class Recovery:
    """Starts candidates until the avatar of one is in the room with its video.

    Args:
        runs: Who brings avatars in.
        ring: The candidates.
        audience: Who is there to see an avatar; for nobody none is started.
        route: Where the agent's speech goes.
        policy: How often to try.
        status: The session's state.
        listener: Who is told what becomes of an avatar.
        found: Called with the avatar that is there.
    """

    def __init__(
        self,
        *,
        runs: AvatarRuns,
        ring: CandidateRing,
        audience: RoomAudience,
        route: SpeechRoute,
        policy: AvatarPolicy,
        status: SessionStatus,
        listener: RunListener,
        found: Callable[[AvatarRun], None],
    ) -> None:
        self._runs = runs
        self._ring = ring
        self._audience = audience
        self._route = route
        self._policy = policy
        self._status = status
        self._listener = listener
        self._found = found
        self._failures = 0
        self._task: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def replace(self, *, lasted: float | None) -> None:
        """Bring in another one for one that was lost.

        Args:
            lasted: Seconds for which that one spoke; None if it never did.
        """
        if lasted is not None and lasted > STABLE_SECONDS:
            self._failures = 0
        self._begin(self._replace())

    def bring_back(self, *, with_speech: bool = False) -> None:
        """Bring in the same one again.

        Args:
            with_speech: Not before the agent says something else.
        """
        self._begin(self._bring_back(with_speech))

    def cancel(self) -> None:
        """Bring in nobody any more; what is under way is undone in the background."""
        self._task = None
        for task in self._tasks:
            task.cancel()

    async def stop(self) -> None:
        """Bring in nobody any more; returns when nothing is under way."""
        self.cancel()
        while self._tasks:
            # Again: asyncio.wait_for swallows one that comes with the result (Python 3.11).
            self.cancel()
            await asyncio.wait(list(self._tasks), timeout=CANCELLED_AGAIN)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        self.cancel()  # one at a time: the second one would bring in a second avatar
        task = asyncio.create_task(work, name="avatar-recovery")
        self._task = task
        self._tasks.add(task)
        task.add_done_callback(self._over)

    def _over(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error(
                "bringing in another avatar failed; the agent keeps its voice", exc_info=error
            )
            self._status.give_up("bringing in another avatar failed")

    async def _bring_back(self, with_speech: bool) -> None:
        if with_speech:
            await self._route.wait_for_speech()
        await self._audience.wait()
        if not len(self._ring) or not await self._start(self._ring.again()):
            await self._replace()

    async def _replace(self) -> None:
        for pause in _pauses(len(self._ring)):
            if self._failures >= self._policy.max_recoveries or not len(self._ring):
                break
            await asyncio.sleep(pause)
            await self._audience.wait()
            self._failures += 1
            if await self._start(self._ring.following()):
                return
        logger.error("no avatar can be started any more in this call; the agent keeps its voice")
        self._status.give_up("no avatar can be started any more")

    async def _start(self, slot: ProviderSlot) -> bool:
        try:
            run = await self._runs.bring(slot, listener=self._listener)
        except (ConfigurationError, ProviderAuthError) as exc:
            logger.error("an avatar provider cannot be used any more in this call: %s", exc)
            self._ring.strike(slot)
            return False
        except (ProviderError, AvatarNotJoinedError) as exc:
            logger.warning("another avatar could not be brought into the call: %s", exc)
            return False
        except Exception as exc:  # noqa: BLE001 - an extension may refuse with anything
            logger.error(
                "another avatar could not be brought into the call",
                extra={"provider": slot.provider.name, "error_type": type(exc).__name__},
                exc_info=exc,
            )
            return False
        if asyncio.current_task() is not self._task:
            self._runs.let_go(run, "it was not wanted any more")
        elif run.gone.is_set():  # it was there, and was lost before it had a say
            self._runs.let_go(run, "it was lost before it could speak")
            return False
        else:
            self._found(run)
        return True


def _pauses(candidates: int) -> Iterator[float]:
    """Yield the seconds to wait before each start after a loss.

    Another candidate is tried at once; the same one again, and each further round, after a pause
    that doubles and varies.

    Args:
        candidates: How many there are.
    """
    pause = FIRST_PAUSE
    while True:
        for _ in range(candidates - 1):
            yield 0.0
        yield pause * random.uniform(1 - JITTER, 1 + JITTER)
        pause = min(pause * 2, LONGEST_PAUSE)
