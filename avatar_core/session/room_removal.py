"""Taking an avatar's participants out of the room, whoever else is still there."""

from __future__ import annotations

import asyncio

from avatar_core.log import logger
from avatar_core.session.call_site import CallSite

REMOVAL_SECONDS = 5.0


async def remove_participants(site: CallSite, identities: tuple[str, ...]) -> bool:
    """Remove an avatar's participants from the room through the server's API.

    Not through the job or the room connection: both may be gone by now. It never fails: a session
    is ended whatever becomes of its participants.

    Args:
        site: The room and the key to it.
        identities: Who is to go; the agent itself never is.

    Returns:
        Whether the server answered for all of them.
    """
    try:
        return await _remove(site, identities)
    except Exception as exc:  # noqa: BLE001 - of what a plugin gave as identities, or the client
        logger.warning(
            "the avatar could not be removed from the room; it leaves with its session",
            extra={"error_type": type(exc).__name__},
        )
        return False


async def _remove(site: CallSite, identities: tuple[str, ...]) -> bool:
    import aiohttp
    from livekit import api

    address = site.address
    removed = True
    async with api.LiveKitAPI(
        address.url,
        site.api_key,
        site.api_secret,
        timeout=aiohttp.ClientTimeout(total=REMOVAL_SECONDS),
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


class Removal:
    """The removal of one avatar's participants, beside the end of its session.

    Args:
        site: The room and the key to it; None where nobody joined one.
        identities: Who is to go.
    """

    def __init__(self, site: CallSite | None, identities: tuple[str, ...]) -> None:
        self._site = site
        self._identities = identities
        self._task: asyncio.Task[bool] | None = None

    def begin(self) -> None:
        """Begin, or begin again where the server has not answered for all of them."""
        if self._site is None or (self._task is not None and not self._failed()):
            return
        self._task = asyncio.create_task(
            remove_participants(self._site, self._identities), name="avatar-removal"
        )

    async def finish(self) -> None:
        """Wait until it is done, trying once more where it was not."""
        if self._task is not None:
            await asyncio.wait([self._task])
        self.begin()
        if self._task is not None:
            await asyncio.wait([self._task])

    def cancel(self) -> None:
        """Give it up."""
        if self._task is not None:
            self._task.cancel()

    def _failed(self) -> bool:
        task = self._task
        return task is not None and task.done() and (task.cancelled() or not task.result())
