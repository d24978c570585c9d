"""Ends what was started, until it is acknowledged."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

from avatar_core.contract.errors import (
    ConfigurationError,
    ProviderError,
    ProviderTimeoutError,
    StartUncertainError,
)
from avatar_core.contract.models import StartedSession
from avatar_core.log import logger
from avatar_core.session.call_site import CallSite
from avatar_core.session.provider_slot import ProviderSlot

FIRST_PAUSE = 0.25
LONGEST_PAUSE = 30.0
"""Seconds between two attempts to end a session; the pause doubles from the first one."""

REMOVAL_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class UnendedSession:
    """A session that may still be billed.

    Args:
        provider: Name of its provider.
        session_id: The provider's id of it, None if it has none or it is not known.
    """

    provider: str
    session_id: str | None

    @property
    def remedy(self) -> str:
        """The command that ends it, or that finds it where its id is not known."""
        if self.session_id is None:
            return f"avatar sessions reap --provider {self.provider}"
        return f"avatar sessions end {self.session_id} --provider {self.provider}"


class SessionEnder:
    """Owns every session from its creation on, and the tasks that end them.

    Nothing that awaits it cancels it: a session is ended also when the start that made it was
    cancelled, late, or failed in a way that leaves open whether it made one.
    """

    def __init__(self) -> None:
        self._tasks: dict[asyncio.Task[None], UnendedSession] = {}

    @property
    def unended(self) -> tuple[UnendedSession, ...]:
        """Sessions whose end is not acknowledged yet."""
        return tuple(self._tasks.values())

    def end(
        self,
        slot: ProviderSlot,
        session: StartedSession,
        *,
        reason: str,
        remove_now: bool = False,
    ) -> None:
        """End a session, in the background, until the provider acknowledges it.

        Args:
            slot: Its provider.
            session: The session.
            reason: Why, for the provider's log.
            remove_now: Take its participants out of the room meanwhile, and not only then: the
                server lists one that has died for 20 s, and front ends show it.
        """
        _ = self._spawn(self._end(slot, session, reason, remove_now), slot, session.session_id)

    async def end_and_wait(
        self, slot: ProviderSlot, session: StartedSession, *, reason: str, timeout: float
    ) -> None:
        """End a session and wait until that is acknowledged; it goes on in the background.

        Args:
            slot: Its provider.
            session: The session.
            reason: Why, for the provider's log.
            timeout: Seconds to wait at most.
        """
        ending = self._spawn(self._end(slot, session, reason, True), slot, session.session_id)
        await asyncio.wait([ending], timeout=timeout)

    def adopt(self, slot: ProviderSlot, start: asyncio.Task[StartedSession]) -> None:
        """Take over a start that nobody waits for any more, and end what comes of it."""
        _ = self._spawn(self._end_when_started(slot, start), slot, None)

    def recover(self, slot: ProviderSlot, error: BaseException) -> None:
        """Find out what an uncertain start has made, and end it."""
        _ = self._spawn(self._recover(slot, error), slot, None)

    async def wait(self, *, timeout: float) -> tuple[UnendedSession, ...]:
        """Wait until everything is ended; returns what is not, and goes on ending that.

        Args:
            timeout: Seconds to wait at most.
        """
        if self._tasks:
            await asyncio.wait(list(self._tasks), timeout=timeout)
        for unended in self._tasks.values():
            logger.error(
                "avatar session not ended yet; it may be billed until the provider times out."
                " Ending goes on in the background; should this process end before: %s",
                unended.remedy,
                extra={"provider": unended.provider, "session_id": unended.session_id},
            )
        return self.unended

    async def wait_all(self) -> None:
        """Wait until everything is ended, however long that takes."""
        while self._tasks:
            await asyncio.wait(list(self._tasks))

    def _spawn(
        self, work: Coroutine[Any, Any, None], slot: ProviderSlot, session_id: str | None
    ) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name="avatar-session-ender")
        self._tasks[task] = UnendedSession(provider=slot.provider.name, session_id=session_id)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        unended = self._tasks.pop(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error(
                "ending an avatar session failed",
                extra={"provider": unended.provider, "session_id": unended.session_id},
                exc_info=error,
            )

    async def _end(
        self,
        slot: ProviderSlot,
        session: StartedSession,
        reason: str,
        remove_now: bool = False,
    ) -> None:
        task = asyncio.current_task()
        if task in self._tasks:  # of a start that was taken over, the id is known only now
            self._tasks[task] = UnendedSession(
                provider=slot.provider.name, session_id=session.session_id
            )
        removal: asyncio.Task[bool] | None = None
        if remove_now and slot.site is not None:
            removal = asyncio.create_task(remove_participants(slot.site, session.identities))
        removed = False
        pause = FIRST_PAUSE
        while True:
            try:
                await slot.end(session, reason=reason)
                break
            except Exception as exc:  # noqa: BLE001 - an extension may refuse with anything
                logger.warning(
                    "avatar session not ended; trying again",
                    extra={
                        "provider": slot.provider.name,
                        "session_id": session.session_id,
                        "error_type": type(exc).__name__,
                        "pause_seconds": pause,
                    },
                )
            if not removed and slot.site is not None:
                # It may be hours until the provider answers: nobody should look at a dead face.
                removed = await remove_participants(slot.site, session.identities)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
        if removal is not None:
            removed = await removal
        if not removed and slot.site is not None:
            await remove_participants(slot.site, session.identities)

    async def _end_when_started(
        self, slot: ProviderSlot, start: asyncio.Task[StartedSession]
    ) -> None:
        await asyncio.wait([start])
        if start.cancelled():  # not by the core: an extension did so to the task it runs in
            await self._recover(
                slot,
                StartUncertainError(
                    "start_session was cancelled by an extension", provider=slot.provider.name
                ),
            )
            return
        error = start.exception()
        if error is None:
            await self._end(slot, start.result(), "start abandoned")
        elif leaves_session_open(error):
            await self._recover(slot, error)

    async def _recover(self, slot: ProviderSlot, error: BaseException) -> None:
        if not slot.provider.implements("recover_session"):
            logger.error(
                "an avatar session may have been started, and its provider cannot tell; if so it"
                " is billed until it times out",
                extra={"provider": slot.provider.name},
            )
            return
        pause = FIRST_PAUSE
        while True:
            try:
                session = await slot.recover(error)
                break
            except Exception as exc:  # noqa: BLE001 - an extension may refuse with anything
                logger.warning(
                    "the provider could not tell whether an avatar session was started; asking"
                    " again",
                    extra={"provider": slot.provider.name, "error_type": type(exc).__name__},
                )
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
        if session is not None:
            await self._end(slot, session, "start failed")


def leaves_session_open(error: BaseException) -> bool:
    """Tell whether a failed start may have made a session all the same."""
    if isinstance(error, (StartUncertainError, ProviderTimeoutError)):
        return True
    return not isinstance(error, (ProviderError, ConfigurationError))


async def remove_participants(site: CallSite, identities: tuple[str, ...]) -> bool:
    """Remove an avatar's participants from the room through the server's API.

    Not through the job or the room connection: both may be gone by now.

    Args:
        site: The room and the key to it.
        identities: Who is to go; the agent itself never is.

    Returns:
        Whether the server answered for all of them.
    """
    from livekit import api

    address = site.address
    removed = True
    async with api.LiveKitAPI(
        address.url, site.api_key, site.api_secret, timeout=_timeout()
    ) as server:
        for identity in identities:
            if identity == address.agent_identity:
                continue
            try:
                await server.room.remove_participant(
                    api.RoomParticipantIdentity(room=address.name, identity=identity)
                )
            except api.TwirpError as exc:
                if exc.code != api.TwirpErrorCode.NOT_FOUND:
                    removed = False
                    logger.warning(
                        "the server did not remove the avatar from the room",
                        extra={"identity": identity, "code": exc.code},
                    )
            except Exception as exc:  # noqa: BLE001 - a dead server must not stop the ending
                removed = False
                logger.warning(
                    "the avatar could not be removed from the room; it leaves with its session",
                    extra={"identity": identity, "error_type": type(exc).__name__},
                )
    return removed


def _timeout() -> Any:
    import aiohttp

    return aiohttp.ClientTimeout(total=REMOVAL_SECONDS)
