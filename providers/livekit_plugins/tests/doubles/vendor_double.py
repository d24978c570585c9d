"""What every vendor's double does: know its key, hold sessions, send avatars, misbehave."""

from __future__ import annotations

import asyncio
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import jwt

from avatar_core.testing.scripted_api import ApiAnswer, ApiCall, Handler, ScriptedApi
from avatar_core.worker.options import WorkerFaults, WorkerOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class Created:
    """One session the vendor was asked for and accepted.

    Args:
        id: The vendor's name for it.
        identity: Who joins, as the token says.
        room: Where.
        agent: On whose behalf it publishes.
    """

    id: str
    identity: str
    room: str
    agent: str


class VendorDouble(ABC):
    """One vendor's API.

    Args:
        api: The server that it answers on; several vendors may share one.
    """

    vendor: ClassVar[str]
    """As in ``livekit.plugins.<vendor>``."""
    key_header: ClassVar[tuple[str, str]]
    """Name of the header with the key, and its form."""
    key: ClassVar[str] = "a-key-of-the-test"
    reports_start: ClassVar[bool]
    """Whether its plugin waits for ``lk.playback_started``, so that the worker is known to call."""
    ends: ClassVar[bool] = False
    """Whether its plugin tells the vendor of the end, other than by removing the participant."""

    creates_at: ClassVar[str] = "/"
    """How the path of the call that makes a session begins, where there are others before it."""

    def __init__(self, api: ScriptedApi) -> None:
        self.api = api
        self.created: list[Created] = []
        """Sessions accepted, in order."""
        self.ended: list[str] = []
        """Ids of those that the vendor was told to end."""
        self.down = False
        """Answer everything with 503."""
        self.joins = True
        """Send an avatar for what is accepted."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._joining: set[asyncio.Task[None]] = set()
        self.serve()

    @abstractmethod
    def options(self, *, key: str = key) -> dict[str, Any]:
        """Return the plugin's constructor arguments that lead to this double.

        Args:
            key: Another key than the right one.
        """

    @abstractmethod
    def serve(self) -> None:
        """Add the routes."""

    def on(self, method: str, path: str, *, keyless: bool = False) -> Callable[[Handler], Handler]:
        """Let a function answer where the key is right and the vendor is up.

        Args:
            method: HTTP method.
            path: As for ``ScriptedApi.on``.
            keyless: The key is not sent here.
        """

        def add(handler: Handler) -> Handler:
            @self.api.on(method, path)
            async def answer(call: ApiCall) -> ApiAnswer:
                if self.down:
                    return ApiAnswer(status=503, body={"message": "service unavailable"})
                name, form = self.key_header
                if not keyless and call.headers.get(name) != form.format(key=self.key):
                    return ApiAnswer(status=401, body={"message": "invalid api key"})
                return await handler(call)

            return handler

        return add

    def create(self, *, url: str, token: str) -> str:
        """Accept a session; its avatar joins while the answer is on its way, as a vendor's does.

        Args:
            url: LiveKit server.
            token: The avatar's room token, as the plugin made it.
        """
        claims = jwt.decode(token, options={"verify_signature": False})
        created = Created(
            id=uuid.uuid4().hex,
            identity=claims["sub"],
            room=claims["video"]["room"],
            agent=claims["attributes"]["lk.publish_on_behalf"],
        )
        assert claims["kind"] == "agent", claims
        self.created.append(created)
        self._loop = asyncio.get_running_loop()
        if self.joins:
            task = asyncio.create_task(self.send(created, url=url, token=token))
            self._joining.add(task)
            task.add_done_callback(self._joining.discard)
        return created.id

    async def send(self, created: Created, *, url: str, token: str) -> None:
        """Let the avatar join; on the API's loop.

        Args:
            created: Its session.
            url: LiveKit server.
            token: Its token.
        """
        faults = WorkerFaults(drop_starts=not self.reports_start)
        await self.api.send_avatar(
            created.id,
            url=url,
            token=token,
            agent=created.agent,
            options=WorkerOptions(faults=faults),
        )

    async def kill(self) -> None:
        """Let the latest session's worker die without a word; from any loop."""
        worker = self.api.avatar(self.created[-1].id)
        assert self._loop is not None
        dying = asyncio.run_coroutine_threadsafe(worker.crash(), self._loop)
        await asyncio.wrap_future(dying)
