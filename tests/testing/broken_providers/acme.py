"""A provider of an invented vendor that keeps the contract, and the vendor's API."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BaseModel, SecretStr

from avatar_core import (
    Capabilities,
    Credential,
    DataStream,
    Env,
    ListedSession,
    ProviderInfo,
    ProviderOptions,
    StartedSession,
    hookimpl,
)
from avatar_core.contract.models import (
    EndRequest,
    ListSessionsRequest,
    ProviderRequest,
    RecoverRequest,
    StartRequest,
)
from avatar_core.provider_http.base_url import BaseUrl
from avatar_core.provider_http.json_api import JsonApi
from avatar_core.provider_http.secret import ApiKey
from avatar_core.testing.scripted_api import ApiAnswer, ApiCall, ScriptedApi

KEY = "sk-acme-8d2f61"


class AcmeOptions(ProviderOptions):
    """What a caller may set."""

    api_url: str
    api_key: Annotated[SecretStr, Env("ACME_API_KEY")]
    leave_after: float | None = None
    away: float = 0.3


class Made(BaseModel):
    """A session, as the API tells it."""

    id: str
    key: str = ""


class Acme:
    """Does all that the contract asks for."""

    def api(self, request: ProviderRequest) -> JsonApi:
        """Make a client."""
        options: AcmeOptions = request.options
        return JsonApi(
            pool=request.http,
            base_url=BaseUrl(options.api_url),
            key=ApiKey(options.api_key),
            connect=request.connect,
        )

    @hookimpl
    def describe_provider(self) -> ProviderInfo:
        return self.info()

    def info(self, **capabilities: Any) -> ProviderInfo:
        """Say what it is."""
        return ProviderInfo(
            name="acme",
            title="Acme",
            options=AcmeOptions,
            credentials=(Credential(option="api_key", variable="ACME_API_KEY"),),
            capabilities=Capabilities(remote=False, idempotent_start=True, **capabilities),
            rejoin_grace=1.0,
        )

    @hookimpl
    async def start_session(self, request: StartRequest) -> StartedSession:
        made = await self.api(request).post(
            "sessions",
            into=Made,
            deadline=request.deadline,
            body=self.body(request),
            idempotency_key=request.idempotency_key,
            creates=True,
        )
        return self.started(made.id, request.identity)

    def body(self, request: StartRequest) -> dict[str, Any]:
        """Return what is sent."""
        assert request.room is not None
        return {
            "key": request.idempotency_key,
            "url": request.room.url,
            "agent": request.room.agent_identity,
            "identity": request.identity,
            "token": request.token,
            "leave_after": request.options.leave_after,
            "away": request.options.away,
        }

    def started(self, session_id: str, identity: str) -> StartedSession:
        """Return what the core is told."""
        return StartedSession(
            session_id=session_id, identities=(identity,), audio=DataStream(identity=identity)
        )

    @hookimpl
    async def end_session(self, request: EndRequest) -> None:
        await self.api(request).post(
            "sessions",
            request.session.session_id or "",
            "end",
            into=object,
            deadline=request.deadline,
            repeatable=True,
        )

    @hookimpl
    async def recover_session(self, request: RecoverRequest) -> StartedSession | None:
        for each in await self._all(request):
            if each.key == request.idempotency_key:
                return self.started(each.id, request.identity)
        return None

    @hookimpl
    async def list_sessions(self, request: ListSessionsRequest) -> Sequence[ListedSession]:
        return [
            ListedSession(session_id=each.id, status="live") for each in await self._all(request)
        ]

    async def _all(self, request: ProviderRequest) -> list[Made]:
        return await self.api(request).get("sessions", into=list[Made], deadline=request.deadline)


class AcmeCloud:
    """What the vendor does.

    Args:
        api: Where it is asked to.
    """

    knows_ended = True
    """Ending a session that is over is success."""

    def __init__(self, api: ScriptedApi) -> None:
        self.api = api
        self.keys: dict[str, str] = {}
        self.later: list[asyncio.Task[None]] = []
        api.key = KEY
        api.on("POST", "/sessions")(self.create)
        api.on("GET", "/sessions")(self.all)
        api.on("POST", "/sessions/{id}/end")(self.end)

    async def create(self, call: ApiCall) -> ApiAnswer:
        """Make a session, once a key."""
        key = call.json["key"]
        known = [each for each, its_key in self.keys.items() if its_key == key]
        if known:
            return ApiAnswer(status=201, body={"id": known[0]})
        session_id = self.name(call)
        self.keys[session_id] = key
        await self.send(session_id, call.json)
        return ApiAnswer(status=201, body={"id": session_id})

    def name(self, call: ApiCall) -> str:
        """Return a session's id."""
        return f"acme-{call.json['key'][:12]}"

    async def send(self, session_id: str, asked: dict[str, Any]) -> None:
        """Let the avatar join."""

        async def join() -> None:
            await self.api.send_avatar(
                session_id, url=asked["url"], token=asked["token"], agent=asked["agent"]
            )

        await join()
        if asked["leave_after"] is not None:

            async def leave_and_come_back() -> None:
                await asyncio.sleep(asked["leave_after"])
                await self.api.end_avatar(session_id)
                await asyncio.sleep(asked["away"])
                await join()

            self.later.append(asyncio.create_task(leave_and_come_back()))

    async def all(self, _: ApiCall) -> ApiAnswer:
        """List what lives."""
        return ApiAnswer(body=[{"id": each, "key": key} for each, key in self.keys.items()])

    async def end(self, call: ApiCall) -> ApiAnswer:
        """End a session."""
        session_id = call.arguments["id"]
        was_there = self.keys.pop(session_id, None) is not None
        await self.api.end_avatar(session_id)
        return ApiAnswer(status=200 if was_there or self.knows_ended else 404, body={"ok": True})
