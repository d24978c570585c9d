"""A provider one of whose hooks does what none should, until it is healed."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest

from avatar_core import (
    Capabilities,
    Discard,
    ProviderInfo,
    ProviderOptions,
    StartedSession,
    hookimpl,
)
from avatar_core.contract.errors import StartUncertainError
from avatar_core.contract.models import (
    AgentStateRequest,
    EndRequest,
    PrewarmRequest,
    RecoverRequest,
    SessionRequest,
    StartRequest,
    TokenRequest,
)
from avatar_core.testing.call_stage import CallStage, tone
from tests.calls.counting_provider import CountingProvider

SECRET = "sk-secret-1"


class RudeError(BaseException):
    """What no ``except Exception`` catches."""


FAULTS = ("raises", "cancels itself", "exits", "is rude", "hangs", "says something else")


class FaultyProvider(CountingProvider):
    """Has every hook that a call uses; the avatar is there as soon as it is started."""

    options = ProviderOptions

    def __init__(self, name: str = "faulty", *, faults: dict[str, str] | None = None) -> None:
        super().__init__(name)
        self.faults = dict(faults or {})
        """By hook; ``start_session, made`` is the start that fails with a session made."""
        self.calls: Counter[str] = Counter()
        self._healed = asyncio.Event()
        self._by_key: dict[str, StartedSession] = {}

    def heal(self) -> None:
        """Do what every provider does from now on, also where something hangs."""
        self.faults.clear()
        self._healed.set()

    @hookimpl
    def describe_provider(self) -> ProviderInfo:
        return ProviderInfo(
            name=self.name,
            title="Faulty",
            options=self.options,
            tokens="one",
            keep_alive_period=0.05,
            capabilities=Capabilities(),
        )

    @hookimpl
    async def mint_token(self, request: TokenRequest) -> Any:
        return await self._perhaps("mint_token")

    @hookimpl
    async def start_session(self, request: StartRequest) -> Any:
        wrong = await self._perhaps("start_session")
        if wrong is not None:
            return wrong
        made = self._by_key[request.idempotency_key] = self._make(request)
        wrong = await self._perhaps("start_session, made")
        if self.faults.get("recover_session"):
            raise StartUncertainError("the answer was lost")
        return made if wrong is None else wrong

    @hookimpl
    async def recover_session(self, request: RecoverRequest) -> Any:
        wrong = await self._perhaps("recover_session")
        found = self._by_key.get(request.idempotency_key)
        return found if wrong is None else wrong

    @hookimpl
    async def end_session(self, request: EndRequest) -> None:
        if await self._perhaps("end_session") is None:
            await self._leaves(request.session)
            session_id = request.session.session_id or ""
            self.live.discard(session_id)
            self.ended[session_id] += 1

    @hookimpl
    async def prewarm(self, request: PrewarmRequest) -> Any:
        return await self._perhaps("prewarm")

    @hookimpl
    async def keep_alive(self, request: SessionRequest) -> Any:
        return await self._perhaps("keep_alive")

    @hookimpl
    async def agent_state_changed(self, request: AgentStateRequest) -> Any:
        return await self._perhaps("agent_state_changed")

    def _make(self, request: StartRequest) -> StartedSession:
        made = super()._make(request)
        return StartedSession(session_id=made.session_id, identities=(), audio=Discard())

    async def _perhaps(self, hook: str) -> Any:
        """Fail as it is told to; returns something wrong, or None if all is well."""
        self.calls[hook] += 1
        await asyncio.sleep(0)
        fault = self.faults.get(hook)
        if fault == "raises":
            raise RuntimeError(f"no, {SECRET}")
        if fault == "cancels itself":
            raise asyncio.CancelledError
        if fault == "exits":
            raise SystemExit(f"no, {SECRET}")
        if fault == "is rude":
            raise RudeError(SECRET)
        if fault == "hangs":
            await self._healed.wait()
        return {"id": SECRET} if fault == "says something else" else None


def shorten_deadlines(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for a hook, and between two calls of it, no longer than a test can."""
    monkeypatch.setattr("avatar_core.session.provider_slot.HOOK_SECONDS", 0.3)
    monkeypatch.setattr("avatar_core.session.ender.HOOK_SECONDS", 0.3)
    monkeypatch.setattr("avatar_core.session.ender.FIRST_SECONDS", 0.3)
    monkeypatch.setattr("avatar_core.session.ender.FIRST_PAUSE", 0.02)
    monkeypatch.setattr("avatar_core.session.recovery.FIRST_PAUSE", 0.02)


async def speaks(stage: CallStage) -> None:
    """Let the agent say something to the end."""
    said = stage.agent_session.say("who speaks?", audio=tone(seconds=0.1))
    await asyncio.wait_for(said.wait_for_playout(), 10)
