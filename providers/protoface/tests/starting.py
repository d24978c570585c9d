"""Our provider against the emulator, as the core starts and ends it, without a room."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from avatar_core.contract.models import ConnectOptions, RoomAddress
from avatar_core.discovery.default import default_registry
from avatar_core.provider_http.pool import HttpPool
from avatar_core.session.call_site import CallSite
from avatar_core.session.candidate_start import CandidateStart, RunningSession
from avatar_core.session.ender import SessionEnder
from avatar_core.session.policy import AvatarPolicy
from avatar_core.session.provider_slot import ProviderSlot
from avatar_core.session.states import StartAttempt
from avatar_provider_protoface.emulator.emulator import ProtofaceEmulator, open_emulator
from avatar_provider_protoface.emulator.settings import EmulatorSettings

QUICK = ConnectOptions(max_retry=3, retry_interval=0.05, timeout=0.5)
NOBODY_LISTENS = "ws://127.0.0.1:1"


class Starter:
    """Starts and ends sessions through the core's own code.

    Args:
        emulator: Where.
        options: For the provider.
        connect: Retries and timeout.
        policy: Deadlines.
    """

    def __init__(
        self,
        emulator: ProtofaceEmulator,
        *,
        options: dict[str, Any],
        connect: ConnectOptions,
        policy: AvatarPolicy,
    ) -> None:
        self.emulator = emulator
        self.http = HttpPool()
        self.ender = SessionEnder()
        self.attempts: list[StartAttempt] = []
        provider = default_registry().get("protoface")
        given = {"api_url": emulator.url, "api_key": emulator.api_key, **options}
        self.slot = ProviderSlot(
            provider=provider,
            options=provider.info.options.from_mapping("protoface", given),
            site=CallSite(
                address=RoomAddress(url=NOBODY_LISTENS, name="room-1", agent_identity="agent-1"),
                api_key="devkey",
                api_secret="devsecret-devsecret-devsecret-0123",
            ),
            identity="face",
            name="Face",
            http=self.http,
            connect=connect,
            around=(),
        )
        self._policy = policy

    async def start(self) -> RunningSession:
        """Start as the core does."""
        unused: Any = None  # the agent's session and room are for providers in this process
        starter = CandidateStart(
            policy=self._policy,
            ender=self.ender,
            agent_session=unused,
            room=unused,
            attempts=self.attempts,
        )
        return await starter.first_to_start([self.slot])

    async def end(self, running: RunningSession) -> None:
        """End until it is acknowledged."""
        self.ender.end(running.slot, running.session, reason="test")
        await self.settle()

    async def settle(self, *, timeout: float = 15.0) -> None:
        """Wait until everything that was begun is ended."""
        assert await self.ender.wait(timeout=timeout) == ()

    def creates(self) -> list[Any]:
        """Return the creates that were sent."""
        return [
            seen
            for seen in self.emulator.requests
            if seen.method == "POST" and seen.path == "/v1/sessions"
        ]

    def ends(self) -> list[Any]:
        """Return the ends that were sent."""
        return [seen for seen in self.emulator.requests if seen.path.endswith("/end")]


@asynccontextmanager
async def starting(
    *,
    connect: ConnectOptions = QUICK,
    policy: AvatarPolicy | None = None,
    settings: dict[str, Any] | None = None,
    **options: Any,
) -> AsyncIterator[Starter]:
    """Run an emulator and a starter; afterwards no session may be left that costs money."""
    chosen: dict[str, Any] = {
        "worker": "none",
        "starts_per_minute": None,
        "claim_seconds": 0.0,
        "drain_seconds": 0.0,
    }
    async with open_emulator(EmulatorSettings(**{**chosen, **(settings or {})})) as emulator:
        starter = Starter(
            emulator, options=options, connect=connect, policy=policy or AvatarPolicy()
        )
        try:
            yield starter
            await starter.settle()
            await asyncio.sleep(0)
            left = [session for session in emulator.unended if session.status != "ending"]
            assert left == [], "a session would be billed for ever"
        finally:
            await starter.http.aclose()


@pytest.fixture
def look_quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing is to be found, do not look for long."""
    monkeypatch.setattr("avatar_provider_protoface.sessions.LOOK_PAUSES", (0.0, 0.05))
