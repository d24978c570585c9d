"""What tests of the emulator share: one that nobody waits for, and a plain way to call it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

from avatar_provider_protoface.emulator.clock import ManualClock
from avatar_provider_protoface.emulator.emulator import ProtofaceEmulator, open_emulator
from avatar_provider_protoface.emulator.settings import EmulatorSettings


def session_body(**changes: Any) -> dict[str, Any]:
    """Return the body of a create that is accepted."""
    body: dict[str, Any] = {
        "avatar_id": "av_stock_001",
        "transport": {
            "type": "livekit",
            "url": "wss://lk.example",
            "room_name": "room",
            "worker_token": "jwt-secret",
            "worker_identity": "face",
        },
    }
    return {**body, **changes}


@dataclass(frozen=True, kw_only=True)
class Answered:
    """An answer.

    Args:
        status: HTTP status.
        body: Parsed JSON; None for nothing.
        headers: Names in any case.
    """

    status: int
    body: Any
    headers: Any

    @property
    def error(self) -> tuple[int, str, str]:
        """Status, type and code of a refusal."""
        error = self.body["error"]
        assert set(error) == {"type", "code", "message", "param", "request_id"}
        assert error["request_id"] == self.headers["X-Request-Id"]
        return self.status, error["type"], error["code"]


class Caller:
    """Calls an emulator over HTTP.

    Args:
        emulator: Whom.
        clock: Its time.
        session: The connections.
    """

    def __init__(
        self, emulator: ProtofaceEmulator, clock: ManualClock, session: aiohttp.ClientSession
    ) -> None:
        self.emulator = emulator
        self.clock = clock
        self._session = session

    async def call(
        self, method: str, path: str, *, key: str | None = None, **arguments: Any
    ) -> Answered:
        """Send one request, with the key unless another, or an empty one, is given."""
        headers = dict(arguments.pop("headers", {}))
        key = self.emulator.api_key if key is None else key
        if key:
            headers["Authorization"] = f"Bearer {key}"
        url = self.emulator.url + path
        async with self._session.request(method, url, headers=headers, **arguments) as response:
            raw = await response.read()
            body = await response.json() if raw else None
            return Answered(status=response.status, body=body, headers=response.headers)

    async def create(self, *, idempotency_key: str | None = None, **changes: Any) -> Answered:
        """Create a session."""
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        return await self.call(
            "POST", "/v1/sessions", json=session_body(**changes), headers=headers
        )

    async def status_of(self, session_id: str) -> str:
        """Ask for a session's state."""
        answered = await self.call("GET", f"/v1/sessions/{session_id}")
        status: str = answered.body["status"]
        return status


@asynccontextmanager
async def calling(**settings: Any) -> AsyncIterator[Caller]:
    """Run an emulator whose time a test moves, and in which nobody joins a room."""
    clock = ManualClock()
    chosen: dict[str, Any] = {"starts_per_minute": None, "worker": "none", "clock": clock}
    async with open_emulator(EmulatorSettings(**{**chosen, **settings})) as emulator:
        async with aiohttp.ClientSession() as session:
            yield Caller(emulator, clock, session)
        for each in emulator.unended:  # nobody moves the time any more
            emulator.account.get(each.id).end()
        clock.advance(10)
