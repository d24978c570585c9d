"""Providers that are wrong about starting, tokens, speech and secrets, one a clause."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

from livekit import api as livekit_api

from avatar_core import StartedSession, hookimpl
from avatar_core.contract.models import EndRequest, StartRequest, TokenRequest
from avatar_core.tokens.worker_token import mint_worker_token
from tests.testing.broken_providers.acme import Acme, AcmeCloud

logger = logging.getLogger("acme")


class NamesNoSession(Acme):
    """Its session's id is an empty string; the true one is in ``data``."""

    def started(self, session_id: str, identity: str) -> StartedSession:
        return replace(super().started(session_id, identity), session_id="", data=session_id)

    @hookimpl
    async def end_session(self, request: EndRequest) -> None:
        true = replace(request.session, session_id=request.session.data)
        await super().end_session(replace(request, session=true))


class SpeaksForNobody(Acme):
    """Its participant does not say for whom it publishes."""

    @hookimpl
    async def mint_token(self, request: TokenRequest) -> str:
        return mint_worker_token(replace(request, attributes={}))


class IsRoomAdmin(Acme):
    """Its token may do anything in the room."""

    @hookimpl
    async def mint_token(self, request: TokenRequest) -> str:
        grants = livekit_api.VideoGrants(room_join=True, room=request.room.name, room_admin=True)
        return (
            livekit_api.AccessToken(request.api_key, request.api_secret)
            .with_identity(request.identity)
            .with_attributes(dict(request.attributes))
            .with_grants(grants)
            .to_jwt()
        )


class LeavesATask(Acme):
    """Watches its session for ever."""

    def __init__(self) -> None:
        self.watching: list[asyncio.Task[None]] = []

    @hookimpl
    async def start_session(self, request: StartRequest) -> StartedSession:
        self.watching.append(asyncio.create_task(self._watch()))
        return await super().start_session(request)

    async def _watch(self) -> None:
        await asyncio.Event().wait()


class LogsItsRequest(Acme):
    """Writes what it sends into the log."""

    def body(self, request: StartRequest) -> dict[str, Any]:
        body = super().body(request)
        logger.debug("creating a session: %s", body)
        return body


class DeafCloud(AcmeCloud):
    """Its avatars hear nothing."""

    async def send(self, session_id: str, asked: dict[str, Any]) -> None:
        await super().send(session_id, asked)
        self.api.avatar(session_id).go_deaf()


class StubbornCloud(AcmeCloud):
    """Its avatars say what they have begun to say."""

    async def send(self, session_id: str, asked: dict[str, Any]) -> None:
        await super().send(session_id, asked)
        room = self.api.avatar(session_id).room
        assert room is not None
        room.local_participant.register_rpc_method("lk.clear_buffer", lambda _: "ok")


class ForgetfulCloud(AcmeCloud):
    """Its avatars begin again from the start when they are resumed: they report no position."""

    async def send(self, session_id: str, asked: dict[str, Any]) -> None:
        await super().send(session_id, asked)
        room = self.api.avatar(session_id).room
        assert room is not None
        _change_reports(room.local_participant, lambda say, report: say(at_the_start(report)))


class TalkativeCloud(AcmeCloud):
    """Its avatars report everything twice."""

    async def send(self, session_id: str, asked: dict[str, Any]) -> None:
        await super().send(session_id, asked)
        room = self.api.avatar(session_id).room
        assert room is not None

        async def twice(say: Any, report: dict[str, Any]) -> str:
            await say(report)
            answer: str = await say(report)
            return answer

        _change_reports(room.local_participant, twice)


def at_the_start(report: dict[str, Any]) -> dict[str, Any]:
    payload = report["payload"]
    if "true" in payload:
        payload = '{"playback_position": 0.0, "interrupted": true}'
    return {**report, "payload": payload}


def _change_reports(participant: Any, change: Any) -> None:
    """Let something else be said instead of the worker's reports."""
    say = participant.perform_rpc

    def perform(**report: Any) -> Coroutine[Any, Any, str]:
        if report["method"] != "lk.playback_finished":
            return say(**report)  # type: ignore[no-any-return]
        return change(lambda it: say(**it), report)  # type: ignore[no-any-return]

    participant.perform_rpc = perform
