"""The extension that the guide to extensions shows, in a real call."""

# The guide shows it as a user would write it, without annotations.
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

import time
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import jwt

from avatar_core import AvatarSession, register_extension, unregister_extension
from avatar_core.contract.hookspecs import hookimpl
from avatar_core.contract.models import StartRequest
from avatar_core.livekit_server import LiveKitServer
from avatar_core.testing.call_stage import open_call_stage
from avatar_provider_mock import plugin


class ShortTokens:
    def __init__(self):
        self.calls = []

    @hookimpl
    @asynccontextmanager
    async def around_call(self, call):
        if call.hook == "mint_token":
            call.request = replace(call.request, ttl=min(call.request.ttl, 300))
        began = time.monotonic()
        try:
            yield
        finally:
            self.calls.append((call.provider, call.hook, call.error, time.monotonic() - began))


async def test_the_documented_extension_shortens_tokens_and_records_calls(
    livekit_server: LiveKitServer, monkeypatch: Any
) -> None:
    tokens: list[str] = []
    start = plugin.mock_sessions().start

    async def see_token(request: StartRequest) -> Any:
        tokens.append(request.token)
        return await start(request)

    monkeypatch.setattr(plugin.mock_sessions(), "start", see_token)
    extension = ShortTokens()
    register_extension(extension, name="short-tokens")
    try:
        async with open_call_stage(livekit_server) as stage, AvatarSession("mock") as avatar:
            await avatar.start(stage.agent_session, stage.room, **stage.credentials)
            await avatar.wait_for_join(timeout=20)
    finally:
        unregister_extension("short-tokens")
    claims = jwt.decode(tokens[0], options={"verify_signature": False})
    assert claims["exp"] - claims["nbf"] <= 300
    hooks = [hook for _, hook, error, seconds in extension.calls if error is None and seconds >= 0]
    assert hooks[:2] == ["mint_token", "start_session"]
    assert hooks[-1] == "end_session"
