"""A LiveKit job as a plugin sees it: one or none, and its callbacks are the bridge's."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

from livekit import api, rtc
from livekit.agents import JobContext

from avatar_core.contract.models import RoomAddress


class JobView:
    """Stands where plugins look for the job.

    What they look for was measured: the agent's identity, the room and its id, the claims of the
    agent's token, callbacks at shutdown. Everything else is the real job's, if there is one.

    Args:
        job: The job this runs in, if any.
        room: The agent's room.
        address: Its address.
    """

    def __init__(self, *, job: JobContext | None, room: rtc.Room, address: RoomAddress) -> None:
        self._job = job
        self.room = room
        self._address = address
        self.callbacks: list[Callable[..., Awaitable[None] | None]] = []
        """What the plugin wants to be called when the job ends."""

    @property
    def local_participant_identity(self) -> str:
        """Identity of the agent in the room."""
        return self._address.agent_identity

    def add_shutdown_callback(self, callback: Callable[..., Any]) -> None:
        """Keep a callback: it is called when the avatar is ended."""
        self.callbacks.append(callback)

    def token_claims(self) -> Any:
        """Return what the agent's own token says, as far as that is known."""
        if self._job is not None:
            return self._job.token_claims()
        unsigned = api.AccessToken("none", "none")  # claims alone: no token is made of it
        return unsigned.with_identity(self._address.agent_identity).claims

    @property
    def job(self) -> Any:
        """The job's description."""
        if self._job is not None:
            return self._job.job
        return SimpleNamespace(
            id="", room=SimpleNamespace(name=self._address.name, sid=""), metadata=""
        )

    @property
    def proc(self) -> Any:
        """The job's process."""
        return self._job.proc if self._job is not None else SimpleNamespace(http_proxy=None)

    @property
    def api(self) -> Any:
        """A server whose rooms nobody is removed from: the core does that, for every plugin."""
        return SimpleNamespace(room=SimpleNamespace(remove_participant=_left_to_the_core))

    def __getattr__(self, name: str) -> Any:
        if self._job is None:
            raise AttributeError(f"there is no LiveKit job, so there is no {name}")
        return getattr(self._job, name)


async def _left_to_the_core(_: object) -> None:
    return
