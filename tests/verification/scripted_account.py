"""A provider whose calls a test makes itself, and the ledger that looks on."""

from __future__ import annotations

import asyncio
import time
from typing import Annotated, Any

from pydantic import SecretStr

from avatar_core.calling.provider_call import call_provider
from avatar_core.contract.audio_routes import Discard
from avatar_core.contract.hookspecs import hookimpl
from avatar_core.contract.models import (
    Capabilities,
    CheckRequest,
    Credential,
    EndRequest,
    Finding,
    ProviderInfo,
    RecoverRequest,
    RoomAddress,
    SessionRequest,
    SessionUsage,
    StartedSession,
    StartRequest,
)
from avatar_core.contract.options import Env, ProviderOptions
from avatar_core.discovery.default import get_provider
from avatar_core.provider_http.pool import HttpPool
from avatar_core.verification.ledger import Ledger
from tests.operations.acme import RecoveringAcme

KEY = "sk-acme-5c1f77"


class CloudOptions(ProviderOptions):
    """Options of the provider."""

    api_url: str = "https://api.acme.example"
    api_key: Annotated[SecretStr, Env("ACME_API_KEY")]
    region: str = "here"


class Cloud(RecoveringAcme):
    """A vendor with a service somewhere."""

    def __init__(self) -> None:
        super().__init__("cloud")
        self.raises: list[BaseException] = []
        """What the next starts raise, after they have made a session."""
        self.names = True
        """Whether its sessions have ids."""
        self.bills: list[SessionUsage | None] = []
        self.findings: list[Finding] = []

    @hookimpl
    def describe_provider(self) -> ProviderInfo:
        return ProviderInfo(
            name="cloud",
            title="Cloud",
            options=CloudOptions,
            contract_version=2,
            credentials=(Credential(option="api_key", variable="ACME_API_KEY"),),
            capabilities=Capabilities(concurrent_sessions=1),
        )

    @hookimpl
    def start_session(self, request: StartRequest) -> StartedSession:
        session_id = f"cloud-{len(self.made)}"
        self.made[request.idempotency_key] = session_id
        self.add(session_id)
        if self.raises:
            raise self.raises.pop(0)
        return StartedSession(
            session_id=session_id if self.names else None,
            identities=("face",),
            audio=Discard(),
        )

    @hookimpl
    async def end_session(self, request: EndRequest) -> None:
        if self.names:
            await super().end_session(request)

    @hookimpl
    async def session_usage(self, request: SessionRequest) -> SessionUsage | None:
        return self.bills.pop(0) if self.bills else None

    @hookimpl
    async def check_provider(self, request: CheckRequest) -> list[Finding]:
        return self.findings


class Caller:
    """Calls the provider's hooks as the core does, in the ledger's sight.

    Args:
        ledger: Who looks on.
        room: Name of the call's room.
    """

    def __init__(self, ledger: Ledger, *, room: str = "blue") -> None:
        self._ledger = ledger
        self._room = RoomAddress(url="wss://lk.example", name=room, agent_identity="agent")
        self._count = 0

    async def start(self, *, key: str = KEY) -> StartedSession:
        """Start a session."""
        self._count += 1
        request = StartRequest(
            **_common(key),
            room=self._room,
            identity="face",
            name="Face",
            attributes={},
            tokens=(),
            idempotency_key=f"key-{self._count}",
            agent_session=None,  # type: ignore[arg-type] # nobody speaks here
            rtc_room=None,  # type: ignore[arg-type] # nor joins
        )
        session: StartedSession = await self._call("start_session", request)
        return session

    async def end(self, session: StartedSession) -> None:
        """End a session."""
        await self._call(
            "end_session",
            EndRequest(**_common(KEY), room=self._room, session=session, reason="over"),
        )

    async def recover(self, idempotency_key: str) -> StartedSession | None:
        """Look for what a start has made."""
        request = RecoverRequest(
            **_common(KEY),
            room=self._room,
            identity="face",
            idempotency_key=idempotency_key,
            error=RuntimeError("lost"),
        )
        found: StartedSession | None = await self._call("recover_session", request)
        return found

    async def _call(self, hook: str, request: Any) -> Any:
        provider = get_provider("cloud")
        return await call_provider(provider, hook, request, around=[self._ledger.around_call])


def _common(key: str) -> dict[str, Any]:
    return {
        "options": CloudOptions(api_key=SecretStr(key)),
        "deadline": time.monotonic() + 10,
        "http": HttpPool(),
    }


def done(work: Any) -> Any:
    """Run a coroutine to its end."""
    return asyncio.run(work)
