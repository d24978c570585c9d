"""Sessions: create, get, list, end, and Pipecat's."""

from __future__ import annotations

import secrets
from typing import Any

from aiohttp import web

from avatar_provider_protoface.emulator.account import Account
from avatar_provider_protoface.emulator.avatars import AvatarStore
from avatar_provider_protoface.emulator.bodies import (
    CreatePipecatSession,
    CreateSession,
    LiveKitTransport,
    read_body,
)
from avatar_provider_protoface.emulator.idempotency import IdempotencyStore
from avatar_provider_protoface.emulator.problems import ApiProblemError
from avatar_provider_protoface.emulator.queries import cut_page, select_sessions
from avatar_provider_protoface.emulator.records import SessionRecord
from avatar_provider_protoface.emulator.settings import EmulatorSettings
from avatar_provider_protoface.emulator.views import page_view, session_view

PIPECAT_PROTOCOL = "protoface.pipecat.media.v1"


class SessionRoutes:
    """Answers what is about sessions.

    Args:
        settings: Profile and clock.
        account: The sessions.
        avatars: Whom they can show.
    """

    def __init__(
        self, *, settings: EmulatorSettings, account: Account, avatars: AvatarStore
    ) -> None:
        self._settings = settings
        self._account = account
        self._avatars = avatars
        self._idempotency = IdempotencyStore(settings.clock)

    def add_to(self, app: web.Application) -> None:
        """Add the routes."""
        app.router.add_post("/v1/sessions", self.create)
        app.router.add_get("/v1/sessions", self.list)
        app.router.add_get("/v1/sessions/{id}", self.get)
        app.router.add_post("/v1/sessions/{id}/end", self.end)
        app.router.add_post("/v1/pipecat/sessions", self.create_pipecat)

    async def create(self, request: web.Request) -> web.Response:
        """``POST /v1/sessions``."""
        raw = await request.read()
        body = read_body(CreateSession, raw)
        key = request.headers.get("Idempotency-Key")
        kept = self._idempotency.replay(key, raw)
        if kept is not None:
            return web.json_response(kept[1], status=kept[0])
        if not isinstance(body.transport, LiveKitTransport):
            raise ApiProblemError(
                400,
                "transport.unsupported",
                f"Transport {body.transport.type} is not supported here.",
                param="transport.type",
            )
        self._avatars.usable(body.avatar_id)
        record = self._account.create(
            avatar_id=body.avatar_id,
            transport=body.transport.model_dump(exclude={"worker_token"}, exclude_none=True),
            token=body.transport.worker_token,
            quality=body.quality,
            max_duration_seconds=body.max_duration_seconds,
            idle_timeout_seconds=body.idle_timeout_seconds,
            metadata=body.metadata,
        )
        view = self._view(record)
        self._idempotency.keep(key, raw, 201, view)
        return web.json_response(view, status=201)

    async def list(self, request: web.Request) -> web.Response:
        """``GET /v1/sessions``."""
        sessions = self._account.sessions
        found = select_sessions(sessions, request.query)
        page, more = cut_page(found, request.query, among=sessions)
        return web.json_response(page_view([self._view(each) for each in page], has_more=more))

    async def get(self, request: web.Request) -> web.Response:
        """``GET /v1/sessions/{id}``."""
        return web.json_response(self._view(self._account.get(request.match_info["id"]).record))

    async def end(self, request: web.Request) -> web.Response:
        """``POST /v1/sessions/{id}/end``."""
        run = self._account.get(request.match_info["id"])
        run.end()
        return web.json_response(self._view(run.record))

    async def create_pipecat(self, request: web.Request) -> web.Response:
        """``POST /v1/pipecat/sessions``; its media relay is not emulated."""
        body = read_body(CreatePipecatSession, await request.read())
        self._avatars.usable(body.avatar_id)
        record = self._account.create(
            avatar_id=body.avatar_id,
            transport={"type": "pipecat"},
            token="",
            quality=body.quality,
            max_duration_seconds=body.max_duration_seconds,
            idle_timeout_seconds=body.idle_timeout_seconds,
            metadata=body.metadata,
            surface="pipecat",
        )
        relay = {
            "type": "websocket",
            "protocol": PIPECAT_PROTOCOL,
            "media_url": f"ws://{request.host}/v1/pipecat/sessions/{record.id}/media",
            "media_token": f"pfm_{secrets.token_urlsafe(24)}",
            "audio_sample_rate": 16000,
            "video_encoding": "jpeg",
            "decoded_video_format": "RGB",
            "supports_audio_output": True,
        }
        view = {"object": "pipecat.session", "session": self._view(record), "relay": relay}
        return web.json_response(view, status=201)

    def _view(self, record: SessionRecord) -> dict[str, Any]:
        settings = self._settings
        return session_view(record, now=settings.clock.now(), profile=settings.profile)
